/**
 * What is loaded into every chaincode process that the peer starts, before the contract.
 *
 * The peer holds the other end of standard input and never writes to it. When the peer goes, in whatever way, that
 * end closes and the chaincode goes too; a contract that keeps timers or sockets would otherwise live on as an orphan.
 * The secret of this launch becomes the `:authority` of the chaincode's stream, by the option that fabric-shim has for
 * it: it must not stand on the command line, where every user of the machine can read it.
 *
 * Kept as text and written beside the builds, so that a bundled peer needs no file next to itself.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SHORTCUTS_SOURCE } from "./shim-shortcuts.js";

export const AUTHORITY_VARIABLE = "HANSA_CHAINCODE_AUTHORITY";

const SOURCE = `"use strict";
process.title = "chaincode " + (process.env.CORE_CHAINCODE_ID_NAME || "").split(":")[0];
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
if (process.stdin.unref) process.stdin.unref();
// npm passes everything after "--" on to the contract's process, which loads this file again.
const authority = process.env.${AUTHORITY_VARIABLE};
if (authority !== undefined && process.argv.includes("--peer.address") && !process.argv.includes("--")) {
  delete process.env.${AUTHORITY_VARIABLE};
  process.argv.push("--ssl-target-name-override", authority);
}
${SHORTCUTS_SOURCE}`;

/** Returns the path to hand to node's --require. */
export async function writeChildGuard(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "child-guard.cjs");
  await writeFile(path, SOURCE);
  return path;
}
