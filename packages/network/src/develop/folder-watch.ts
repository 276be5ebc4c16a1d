/** Tells when a file below a folder changes, without looking into what is not source. */
import { type FSWatcher, readdirSync, watch } from "node:fs";
import path from "node:path";

export type FolderWatchOptions = {
  /** Whether a folder is watched, by its path below the root, with "/" between parts. */
  readonly enters: (folder: string) => boolean;
  /** Called for each change, perhaps several times for one. @param file path below the root */
  readonly onChange: (file: string) => void;
};

const MAX_FOLDERS = 2_000;

/** One watcher for each folder: watching recursively would take in node_modules with its thousands. */
export class FolderWatch {
  readonly #root: string;
  readonly #options: FolderWatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(root: string, options: FolderWatchOptions) {
    this.#root = root;
    this.#options = options;
    this.#enter("");
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #enter(folder: string): void {
    if (this.#watchers.has(folder) || this.#watchers.size >= MAX_FOLDERS) return;
    try {
      const watcher = watch(path.join(this.#root, folder), (_event, name) => {
        if (name === null) return;
        const file = folder === "" ? name : `${folder}/${name}`;
        this.#options.onChange(file);
        this.#enterBelow(folder);
      });
      // A folder that is deleted: its watcher has nothing more to say.
      watcher.on("error", () => this.#leave(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      return;
    }
    this.#enterBelow(folder);
  }

  #enterBelow(folder: string): void {
    let entries: import("node:fs").Dirent[];
    try {
      entries = readdirSync(path.join(this.#root, folder), { withFileTypes: true });
    } catch {
      this.#leave(folder);
      return;
    }
    for (const entry of entries) {
      const below = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && this.#options.enters(below)) this.#enter(below);
    }
  }

  #leave(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
