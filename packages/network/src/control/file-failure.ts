import { HansaError, messageOf } from "@hansa/primitives";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "you may not do that here",
  EPERM: "you may not do that here",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "this user's share of the disk is full",
  EEXIST: "it exists already",
  ENAMETOOLONG: "the name is too long",
};
/** The system says these of a file that is open already, and then not which. */
const OF_OPEN_FILES = ["ENOSPC", "EDQUOT", "EROFS"];

/** What the system refused about a file, as a failure of ours; undefined for errors that are about something else. */
export function asFileFailure(error: unknown): HansaError | undefined {
  if (!(error instanceof Error) || error instanceof HansaError) return undefined;
  const { code = "", path: file } = error as NodeJS.ErrnoException;
  if (REASONS[code] === undefined || (file === undefined && !OF_OPEN_FILES.includes(code))) return undefined;
  const fact = file === undefined ? "A file cannot be written" : `${file} cannot be read or written`;
  return new HansaError("FILE_ACCESS", `${fact}: ${REASONS[code]}.`, { cause: error });
}

/** Why a file cannot be read or written, in words; those of the system when there are no better ones. */
export function fileFault(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ""] ?? messageOf(error);
}
