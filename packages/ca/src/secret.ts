/**
 * Enrolment secrets, never kept in plain. What people choose is hashed with scrypt; what the CA draws itself is
 * 128 bits of chance, which nobody can guess, so a plain salted hash is as good and thousands of times cheaper.
 */
import { createHash, scrypt, timingSafeEqual } from "node:crypto";
import type { Random } from "@hansa/primitives";
import { CaError } from "./error.js";

export type StoredSecret =
  | { kind: "scrypt"; cost: number; saltHex: string; hashHex: string }
  | { kind: "drawn"; saltHex: string; hashHex: string }
  /** Registered by a batch: certified without a secret, and none will do. */
  | { kind: "none" };

export const MAX_SECRET_LENGTH = 256;

/** 2^14 · 1 KiB of memory and about 40 ms. */
const COST = 2 ** 14;
const HASH_LENGTH = 32;
const MAX_AT_ONCE = 2;
const MAX_WAITING = 64;

export function drawSecret(random: Random): { secret: string; stored: StoredSecret } {
  const secret = Buffer.from(random.bytes(16)).toString("base64url");
  return { secret, stored: keepDrawn(secret, random) };
}

/** For a secret that is known to be 128 bits of chance or more. */
export function keepDrawn(secret: string, random: Random): StoredSecret {
  const salt = Buffer.from(random.bytes(16));
  return { kind: "drawn", saltHex: salt.toString("hex"), hashHex: quickHash(salt, secret) };
}

/** @throws CaError BAD_REQUEST when it is too long */
export async function hashSecret(secret: string, random: Random): Promise<StoredSecret> {
  if (secret.length > MAX_SECRET_LENGTH) {
    throw new CaError("BAD_REQUEST", `a secret of ${secret.length} characters is longer than ${MAX_SECRET_LENGTH}`);
  }
  const salt = Buffer.from(random.bytes(16));
  const hash = await slowHash(secret, salt, COST);
  return { kind: "scrypt", cost: COST, saltHex: salt.toString("hex"), hashHex: hash.toString("hex") };
}

/** `stored` undefined stands for an unknown id: as slow as a wrong secret, so that time does not tell them apart. */
export async function secretMatches(secret: string, stored: StoredSecret | undefined): Promise<boolean> {
  if (secret.length > MAX_SECRET_LENGTH) return false;
  if (stored?.kind === "drawn") {
    const hash = quickHash(Buffer.from(stored.saltHex, "hex"), secret);
    return timingSafeEqual(Buffer.from(hash, "hex"), Buffer.from(stored.hashHex, "hex"));
  }
  const known = stored?.kind === "scrypt" ? stored : { cost: COST, saltHex: "00", hashHex: "00".repeat(HASH_LENGTH) };
  const hash = await slowHash(secret, Buffer.from(known.saltHex, "hex"), known.cost);
  return timingSafeEqual(hash, Buffer.from(known.hashHex, "hex")) && stored !== undefined;
}

function quickHash(salt: Buffer, secret: string): string {
  return createHash("sha256").update(salt).update(secret, "utf8").digest("hex");
}

let running = 0;
const waiting: (() => void)[] = [];

/** Two at a time: whoever asks more often than that waits, and is turned away when too many wait. */
async function slowHash(secret: string, salt: Buffer, cost: number): Promise<Buffer> {
  if (running >= MAX_AT_ONCE) {
    if (waiting.length >= MAX_WAITING) throw new CaError("OVERLOADED", "too many enrolments at once; try again");
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      scrypt(
        secret.normalize("NFC"),
        salt,
        HASH_LENGTH,
        { N: cost, r: 8, p: 1, maxmem: 128 * 1024 * 1024 },
        (error, hash) => {
          if (error) reject(error);
          else resolve(hash);
        },
      );
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
