/**
 * Packages of contracts that run as services, in whatever language: not their code but where their server is, in
 * connection.json, with the index definitions under META-INF.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { HansaError, messageOf } from "@hansa/primitives";
import type { TarFile } from "./tar.js";

export const CONNECTION_FILE = "connection.json";

/**
 * What code.tar.gz of a service holds. Sources beside connection.json stay at home: the peer would not run them, and the
 * package's id would change with each of their lines.
 * @param files all files of the contract's folder, named as in a package
 * @throws HansaError CONTRACT_BUILD when connection.json names no address
 */
export async function serviceFiles(root: string, files: readonly TarFile[]): Promise<TarFile[]> {
  const file = path.join(root, CONNECTION_FILE);
  const content = await readFile(file);
  const addresses = addressesIn(file, content.toString("utf8"));
  if (addresses.some((address) => typeof address !== "string" || !/^\S+:\d+$/.test(address)))
    throw new HansaError("CONTRACT_BUILD", `${file} names no address of a server.`, {
      nextStep: `Write one into it: { "address": "127.0.0.1:9999", "dial_timeout": "10s", "tls_required": false }`,
    });
  return [{ name: CONNECTION_FILE, content }, ...files.filter(({ name }) => name.startsWith("META-INF/"))];
}

/** The server's address and, where organisations have servers of their own, theirs. */
function addressesIn(file: string, text: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HansaError("CONTRACT_BUILD", `${file} cannot be read: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Correct it.",
    });
  }
  const { address, addresses } = (value ?? {}) as { address?: unknown; addresses?: unknown };
  return [address, ...(typeof addresses === "object" && addresses !== null ? Object.values(addresses) : [])];
}
