/** What a witness must not forget: what it has signed, and the strand as it stood then. One JSON file a channel. */
import { readFileSync } from "node:fs";
import { type Bytes, sha256 } from "@hansa/primitives";
import { replaceFileDurably } from "@hansa/storage";
import { type SignedByUs, SignedDigests } from "./signed-digests.js";
import { type SavedView, StrandView } from "./strand-view.js";

export type WitnessMemory = { readonly view: StrandView; readonly signed: SignedDigests };

type SavedDigest = { tip: number; digest: string; identity: string; signature: string; own: string };
type Saved = { view: SavedView; signed: SavedDigest[] };

const FORMAT = "hansa.peer.witness/1";

/** Undefined when there is no file, or one that a crash or a disk has damaged: the view is computed anew then. */
export function readWitnessFile(file: string): WitnessMemory | undefined {
  try {
    const [head = "", body = ""] = readFileSync(file, "utf8").split("\n");
    if (head !== `${FORMAT} ${checksum(body)}`) return undefined;
    const { view, signed } = JSON.parse(body) as Saved;
    return { view: StrandView.restore(view), signed: new SignedDigests(signed.map(readDigest)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Settles when it is durable. */
export async function writeWitnessFile(file: string, { view, signed }: WitnessMemory): Promise<void> {
  const body = JSON.stringify({ view: view.save(), signed: signed.all.map(savedDigest) } satisfies Saved);
  await replaceFileDurably(file, `${FORMAT} ${checksum(body)}\n${body}\n`);
}

function checksum(body: string): string {
  return Buffer.from(sha256(Buffer.from(body))).toString("hex");
}

function savedDigest({ tip, digest, orderer, ownSignature }: SignedByUs): SavedDigest {
  const [identity, signature] = [text(orderer.identity), text(orderer.signature)];
  return { tip, digest: text(digest), identity, signature, own: text(ownSignature) };
}

function readDigest({ tip, digest, identity, signature, own }: SavedDigest): SignedByUs {
  const orderer = { identity: bytes(identity), signature: bytes(signature) };
  return { tip, digest: bytes(digest), orderer, ownSignature: bytes(own) };
}

const text = (value: Bytes): string => Buffer.from(value).toString("base64");
const bytes = (value: string): Bytes => Buffer.from(value, "base64");
