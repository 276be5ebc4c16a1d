import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { HansaError } from "@hansa/primitives";

/**
 * Makes a folder that a user named, and those above it.
 *
 * Not Node's own recursive mkdir: below a folder that takes no new ones, such as /proc, that one asks for parent and
 * child in turn for ever.
 * @returns whether it is new
 * @throws HansaError FILE_ACCESS where the system makes no folders; what mkdir throws otherwise
 */
export async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((await stat(folder).catch(() => undefined))?.isDirectory() === true) return false;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || path.dirname(folder) === folder) throw error;
  }
  const parent = path.dirname(folder);
  if (await makeFolder(parent)) return makeFolder(folder);
  return mkdir(folder).then(
    () => true,
    (cause: NodeJS.ErrnoException) => {
      // Another process may have made it meanwhile.
      if (cause.code === "EEXIST") return false;
      throw new HansaError("FILE_ACCESS", `No folder can be made in ${parent}.`, {
        cause,
        nextStep: "Give a folder that you may write to.",
      });
    },
  );
}
