/** Files that commands read and write, relative to where the user is. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileFault } from "@hansa/network";
import { HansaError, messageOf } from "@hansa/primitives";
import type { Call, Result } from "../command.js";

/** @throws HansaError USAGE */
export async function readBytes(call: Call, file: string): Promise<Buffer> {
  return readFile(path.resolve(call.io.cwd, file)).catch((cause: unknown) => {
    throw new HansaError("USAGE", `${file} cannot be read: ${fileFault(cause)}.`, { cause });
  });
}

/** @throws HansaError USAGE, MALFORMED_JSON */
export async function readJson(call: Call, file: string): Promise<unknown> {
  return parseJson(file, (await readBytes(call, file)).toString("utf8"));
}

/** @throws HansaError MALFORMED_JSON */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HansaError("MALFORMED_JSON", `${file} is no JSON: ${messageOf(cause)}.`, { cause });
  }
}

/**
 * Prints a result, or writes it to the file that --output names.
 * @throws HansaError USAGE
 */
export async function writeResult(
  call: Call,
  data: unknown,
  content: string | Uint8Array,
  file = call.options.text("output"),
): Promise<Result> {
  if (file === undefined) return { data, text: content.toString() };
  await writeFile(path.resolve(call.io.cwd, file), content).catch((cause: unknown) => {
    throw new HansaError("USAGE", `${file} cannot be written: ${fileFault(cause)}.`, { cause });
  });
  return { data: { file }, text: `Wrote ${file}.\n` };
}
