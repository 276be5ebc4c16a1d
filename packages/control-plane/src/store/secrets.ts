/**
 * Administrators' passwords of members that are being made: files of their own, readable by the owner only, and gone as
 * soon as the member is there. They never enter the store's log, which keeps what it once held until it is compacted.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { type Logger, messageOf } from "@hansa/primitives";
import { writeFileDurably } from "@hansa/storage";

export interface Secrets {
  keep(memberId: string, password: string): void;
  find(memberId: string): string | undefined;
  forget(memberId: string): void;
  /** Whose passwords are kept. */
  memberIds(): readonly string[];
}

export class FileSecrets implements Secrets {
  readonly #folder: string;
  readonly #logger: Logger;

  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  keep(memberId: string, password: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileDurably(this.#file(memberId), password, 0o600);
  }

  find(memberId: string): string | undefined {
    try {
      return readFileSync(this.#file(memberId), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  forget(memberId: string): void {
    try {
      rmSync(this.#file(memberId), { force: true });
    } catch (error) {
      this.#logger.warn("cannot remove a password that is no longer needed", { memberId, error: messageOf(error) });
    }
  }

  memberIds(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.startsWith("m-") && !name.endsWith(".draft"));
    } catch {
      return [];
    }
  }

  #file(memberId: string): string {
    return path.join(this.#folder, memberId);
  }
}

export class MemorySecrets implements Secrets {
  readonly #kept = new Map<string, string>();

  keep(memberId: string, password: string): void {
    this.#kept.set(memberId, password);
  }

  find(memberId: string): string | undefined {
    return this.#kept.get(memberId);
  }

  forget(memberId: string): void {
    this.#kept.delete(memberId);
  }

  memberIds(): readonly string[] {
    return [...this.#kept.keys()];
  }
}
