/**
 * The file that a contract's output goes to. It is bounded in every way: in size, by setting the file aside and
 * beginning anew; in rate, so that a contract that floods its output costs the peer little; in memory, because what a
 * slow disk has not taken yet is not held without end. What is left out is counted, and said.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";

export type LogLimits = {
  /** A file of this size is set aside as `<file>.1`, in place of the one before. */
  readonly maxBytes: number;
  readonly maxBytesPerSecond: number;
};

export const LOG_LIMITS: LogLimits = { maxBytes: 8 * 1024 * 1024, maxBytesPerSecond: 2 * 1024 * 1024 };

export class BoundedLog {
  readonly #path: string;
  readonly #limits: LogLimits;
  readonly #now: () => number;
  #stream: WriteStream;
  #bytes: number;
  #second = 0;
  #bytesInSecond = 0;
  #leftOut = 0;
  #isTurning = false;

  private constructor(path: string, bytes: number, limits: LogLimits, now: () => number) {
    this.#path = path;
    this.#limits = limits;
    this.#now = now;
    this.#bytes = bytes;
    this.#stream = openStream(path);
  }

  /** @param now milliseconds, of a clock that goes forward */
  static async open(path: string, limits = LOG_LIMITS, now = () => performance.now()): Promise<BoundedLog> {
    await mkdir(dirname(path), { recursive: true });
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    return new BoundedLog(path, size, limits, now);
  }

  /** False when it is left out. */
  write(chunk: Uint8Array): boolean {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#bytesInSecond = 0;
      this.#sayLeftOut();
    }
    this.#bytesInSecond += chunk.length;
    if (this.#isTurning || this.#bytesInSecond > this.#limits.maxBytesPerSecond) {
      this.#leftOut += chunk.length;
      return false;
    }
    this.#put(chunk);
    return true;
  }

  async close(): Promise<void> {
    this.#sayLeftOut();
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }

  #sayLeftOut(): void {
    if (this.#leftOut === 0 || this.#isTurning) return;
    this.#put(Buffer.from(`\n[${this.#leftOut} bytes of output left out: more than the log takes in a second]\n`));
    this.#leftOut = 0;
  }

  #put(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    this.#stream.write(chunk);
    if (this.#bytes > this.#limits.maxBytes) this.#turn();
  }

  /** Sets the file aside once it is on disk. */
  #turn(): void {
    this.#isTurning = true;
    const full = this.#stream;
    full.end(() => {
      rename(this.#path, `${this.#path}.1`)
        .catch(() => {})
        .finally(() => {
          this.#stream = openStream(this.#path);
          this.#bytes = 0;
          this.#isTurning = false;
        });
    });
  }
}

function openStream(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: "a", mode: 0o600 });
  // A full disk must not take the peer down; the contract's own output is the lesser loss.
  stream.on("error", () => {});
  return stream;
}
