/** A stand-in for a peer that holds one contract process: prints its pid and waits to be killed. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLogger } from "@hansa/primitives";
import { ChaincodeChild } from "../chaincode/child.js";
import { writeChildGuard } from "../chaincode/child-guard.js";
import { nodeCommand } from "../chaincode/node-command.js";
import { startProcess } from "../chaincode/started-process.js";

const folder = process.argv[2] ?? "";
const directory = join(folder, "held");
await mkdir(directory, { recursive: true });
await writeFile(join(directory, "index.js"), "setInterval(() => {}, 1000); console.log('running');");
const command = nodeCommand({
  packageId: "held:00",
  build: { kind: "node", directory, start: { kind: "node", args: ["index.js"] } },
  peerAddress: "127.0.0.1:1",
  mspId: "Org1MSP",
  logLevel: "warning",
  authority: "none",
  guard: await writeChildGuard(directory),
  maxMemoryMb: 512,
});
const child = new ChaincodeChild({
  packageId: "held:00",
  run: () => startProcess(command),
  logFile: join(directory, "child.log"),
  logger: silentLogger,
  onStream: () => ({ receive: () => {}, closed: () => {} }),
  onExit: () => {},
});
await child.start();
// Long enough for the contract to have loaded its guard.
setTimeout(() => console.log(child.pid), 500);
