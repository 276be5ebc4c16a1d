/** Contracts that misbehave in threads of their peers. */
import { testMisbehaving } from "./misbehaving.js";

testMisbehaving("worker", "inline");
