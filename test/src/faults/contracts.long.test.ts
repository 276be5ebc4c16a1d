/** Contracts that misbehave in processes of their own. */
import { testMisbehaving } from "./misbehaving.js";

testMisbehaving("process", "processes");
