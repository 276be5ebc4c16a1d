import { createHash, hash } from "node:crypto";
import type { Bytes } from "./bytes.js";

/** 32 bytes. One-shot hashing to a latin1 string is several times cheaper than a hash object on small inputs. */
export function sha256(bytes: Bytes): Bytes {
  return Buffer.from(hash("sha256", bytes, "latin1" as "hex"), "latin1");
}

export function sha256Hex(bytes: Bytes): string {
  return hash("sha256", bytes, "hex");
}

/** SHA-256 of the parts' concatenation, without building it. */
export function sha256Of(parts: Iterable<Bytes>): Bytes {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
}
