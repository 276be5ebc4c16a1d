/** The program behind every node's process: `node-main.js node <ca|orderer|peer> [config.json]`. */
import { runNode } from "./nodes/node-process.js";

await runNode(process.argv[3], process.argv[4]);
