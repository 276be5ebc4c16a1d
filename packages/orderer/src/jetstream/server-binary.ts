/** Finds the nats-server program on this machine. */
import { accessSync, constants } from "node:fs";
import path from "node:path";

/** Where packages put it that a user's PATH often lacks. */
const MORE_FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/** @param searchPath folders as in the PATH variable */
export function findNatsServer(searchPath: string): string | undefined {
  const folders = [...searchPath.split(path.delimiter).filter((folder) => folder !== ""), ...MORE_FOLDERS];
  return folders.map((folder) => path.join(folder, "nats-server")).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
