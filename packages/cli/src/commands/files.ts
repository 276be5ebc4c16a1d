/** Files that commands read and write, relative to where the user is. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
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

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "you may not do that here",
  EPERM: "you may not do that here",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EEXIST: "it exists already",
  ENAMETOOLONG: "the name is too long",
};

/** What the system refused about a file, as a failure of ours; undefined for errors that are about something else. */
export function asFileFailure(error: unknown): HansaError | undefined {
  const { code = "", path: file } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || error instanceof HansaError || file === undefined || REASONS[code] === undefined)
    return undefined;
  return new HansaError("FILE_ACCESS", `${file} cannot be read or written: ${REASONS[code]}.`, { cause: error });
}

/** Why a file cannot be read or written, in words; those of the system when there are no better ones. */
export function fileFault(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ""] ?? messageOf(error);
}
