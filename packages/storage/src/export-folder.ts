/** An export's files in a folder. */
import { open, readdir, readFile, rename } from "node:fs/promises";
import path from "node:path";
import type { ExportStore } from "@hansa/journal";
import { type Bytes, HansaError, messageOf } from "@hansa/primitives";
import { makeFolder } from "./make-folder.js";

export class FolderExportStore implements ExportStore {
  readonly name: string;

  constructor(folder: string) {
    this.name = folder;
  }

  async put(key: string, bytes: Bytes): Promise<void> {
    const file = this.#path(key);
    await this.#saying("written", key, async () => {
      await makeFolder(path.dirname(file));
      const draft = `${file}.draft`;
      const handle = await open(draft, "w");
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
    });
  }

  get(key: string): Promise<Bytes | undefined> {
    return this.#saying("read", key, () => readFile(this.#path(key)).catch(absent));
  }

  names(prefix: string): Promise<string[]> {
    return this.#saying("listed", prefix, async () => {
      const entries = await readdir(this.#path(prefix), { withFileTypes: true }).catch(absent);
      return (entries ?? []).filter((entry) => entry.isFile()).map(({ name }) => name);
    });
  }

  /** Keys come from files that somebody else may have written: they lead nowhere else. */
  #path(key: string): string {
    const file = path.join(this.name, key);
    if (!`${file}/`.startsWith(path.join(this.name, "/"))) {
      throw new HansaError("EXPORT_STORE", `The file ${key} lies outside the folder ${this.name}.`, {
        nextStep: "Use an export whose files are as they were written.",
      });
    }
    return file;
  }

  async #saying<T>(what: string, key: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof HansaError) throw cause;
      const place = path.join(this.name, key);
      throw new HansaError("EXPORT_STORE", `${place} cannot be ${what}: ${messageOf(cause).replace(/\.$/, "")}.`, {
        cause,
        nextStep: "Check the folder's name, its permissions and the free space.",
      });
    }
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
