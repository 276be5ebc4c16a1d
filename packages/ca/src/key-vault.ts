/**
 * Private keys at rest: one JSON file, mode 0600, its content encrypted with AES-256-GCM under a key that scrypt makes
 * of a passphrase. Without a passphrase of the operator's, one is drawn and kept beside the data, mode 0600, so that
 * a copy of the data alone is of no use.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import { chmod, open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { messageOf } from "@hansa/primitives";
import { CaError } from "./error.js";

/** `drawn`: 256 bits of chance, which need no slow derivation. */
export type Passphrase = { text: string; drawn: boolean };

type Sealed = { format: string; cost: number; salt: string; iv: string; tag: string; data: string };

const FORMAT = "hansa.keys/1";
const CHOSEN_COST = 2 ** 15;
const DRAWN_COST = 2 ** 10;
const MAX_COST = 2 ** 20;

/** RFC 7914 with r = 8, p = 1. */
function derive(passphrase: string, salt: Buffer, cost: number): Buffer {
  return scryptSync(passphrase.normalize("NFC"), salt, 32, { N: cost, r: 8, p: 1, maxmem: 2 * 1024 * 8 * cost });
}

export function seal(plain: Readonly<Record<string, string>>, passphrase: Passphrase): string {
  const cost = passphrase.drawn ? DRAWN_COST : CHOSEN_COST;
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", derive(passphrase.text, salt, cost), iv);
  cipher.setAAD(Buffer.from(`${FORMAT}/${cost}`));
  const data = Buffer.concat([cipher.update(JSON.stringify(plain), "utf8"), cipher.final()]);
  const sealed: Sealed = {
    format: FORMAT,
    cost,
    salt: salt.toString("base64"),
    iv: iv.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
    data: data.toString("base64"),
  };
  return `${JSON.stringify(sealed)}\n`;
}

const RESTORE = "Restore the file from a backup; nothing was changed.";

/** @throws CaError CORRUPT_STORE, WRONG_PASSPHRASE */
export function unseal(text: string, passphrase: Passphrase, where: string): Record<string, string> {
  let sealed: Sealed;
  try {
    sealed = JSON.parse(text) as Sealed;
  } catch (cause) {
    throw new CaError("CORRUPT_STORE", `${where} is not an encrypted key file`, { cause, nextStep: RESTORE });
  }
  const { format, cost, salt, iv, tag, data } = sealed;
  const isCost = Number.isInteger(cost) && cost >= 2 && cost <= MAX_COST && (cost & (cost - 1)) === 0;
  if (format !== FORMAT || !isCost || ![salt, iv, tag, data].every((field) => typeof field === "string")) {
    throw new CaError("CORRUPT_STORE", `${where} is not an encrypted key file of this version`, { nextStep: RESTORE });
  }
  const bytes = (field: string) => Buffer.from(field, "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", derive(passphrase.text, bytes(salt), cost), bytes(iv), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(`${FORMAT}/${cost}`));
    decipher.setAuthTag(bytes(tag));
    return JSON.parse(Buffer.concat([decipher.update(bytes(data)), decipher.final()]).toString("utf8"));
  } catch (cause) {
    throw new CaError("WRONG_PASSPHRASE", `${where} does not open: the passphrase is wrong or the file was changed`, {
      cause,
      nextStep: "Give the passphrase that the CA was created with, or restore the file.",
    });
  }
}

/** The passphrase that lies beside the data; drawn on first use. */
export async function passphraseBeside(folder: string): Promise<Passphrase> {
  const file = path.join(folder, "passphrase");
  const known = await readIfPresent(file);
  if (known !== undefined) return { text: known.trim(), drawn: true };
  const text = randomBytes(32).toString("base64url");
  await writeDurably(file, `${text}\n`, 0o600);
  return { text, drawn: true };
}

export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new CaError("CORRUPT_STORE", `${file} cannot be read: ${messageOf(cause)}`, { cause, nextStep: RESTORE });
  }
}

/** Whole or not at all: written beside, flushed, renamed, and the folder flushed. */
export async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, "w", mode);
  try {
    await handle.writeFile(text);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await chmod(draft, mode);
  await rename(draft, file);
  const folder = await open(path.dirname(file), "r");
  await folder.sync().catch(() => {});
  await folder.close();
}
