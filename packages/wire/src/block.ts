/**
 * Channel blocks: the header's hash, the data's hash, and the block as parts that keep every envelope's bytes.
 * Source: hyperledger/fabric, protoutil/blockutils.go.
 */
import { concatBytes, sha256, sha256Of } from "@hansa/primitives";
import { common } from "../generated/messages.js";
import { decode, encode, WireError } from "./codec.js";
import { toBigInt, toLong } from "./integers.js";
import { FieldScanner, fieldHead, mergeMessages } from "./scan.js";

/** Where each thing stands in a block's metadata list. */
export const METADATA = { SIGNATURES: 0, LAST_CONFIG: 1, TRANSACTIONS_FILTER: 2, ORDERER: 3, COMMIT_HASH: 4 } as const;

export type BlockHeader = { readonly number: bigint; readonly previousHash: Uint8Array; readonly dataHash: Uint8Array };

/** A block in parts. `envelopes` and `metadata` are views into the bytes that were split. */
export type BlockParts = {
  readonly header: BlockHeader;
  readonly envelopes: readonly Uint8Array[];
  readonly metadata: readonly Uint8Array[];
};

/** What `splitBlock` finds. */
export type SplitBlock = BlockParts & { /** The encoded common.BlockHeader. */ readonly headerRaw: Uint8Array };

function derHead(tag: number, length: number): Uint8Array {
  if (length < 128) return Uint8Array.of(tag, length);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Uint8Array.of(tag, 0x80 | digits.length, ...digits);
}

function derUnsigned(value: bigint): Uint8Array {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
  const body = (bytes[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), bytes) : bytes;
  return concatBytes(derHead(2, body.length), body);
}

const derOctets = (bytes: Uint8Array) => concatBytes(derHead(4, bytes.length), bytes);

/** What a block's hash and the orderer's signatures cover: ASN.1 SEQUENCE of number, previous hash and data hash. */
export function blockHeaderBytes(header: BlockHeader): Uint8Array {
  const body = concatBytes(derUnsigned(header.number), derOctets(header.previousHash), derOctets(header.dataHash));
  return concatBytes(derHead(0x30, body.length), body);
}

/** 32 bytes. */
export function blockHeaderHash(header: BlockHeader): Uint8Array {
  return sha256(blockHeaderBytes(header));
}

/** 32 bytes: SHA-256 over the envelopes, one after another. */
export function blockDataHash(envelopes: readonly Uint8Array[]): Uint8Array {
  const [only] = envelopes;
  return only !== undefined && envelopes.length === 1 ? sha256(only) : sha256Of(envelopes);
}

function readRepeatedBytes(message: Uint8Array, what: string, into: Uint8Array[]): void {
  const scanner = new FieldScanner(message, what);
  while (scanner.next()) if (scanner.number === 1 && scanner.wireType === 2) into.push(scanner.bytes);
}

/** @throws WireError when the bytes are not a block with a header */
export function splitBlock(block: Uint8Array): SplitBlock {
  const scanner = new FieldScanner(block, "common.Block");
  let headerRaw: Uint8Array | undefined;
  const envelopes: Uint8Array[] = [];
  const metadata: Uint8Array[] = [];
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === 1) headerRaw = mergeMessages(headerRaw, scanner.bytes);
    else if (scanner.number === 2) readRepeatedBytes(scanner.bytes, "common.BlockData", envelopes);
    else if (scanner.number === 3) readRepeatedBytes(scanner.bytes, "common.BlockMetadata", metadata);
  }
  if (headerRaw === undefined) throw new WireError("common.BlockHeader", "a block without a header");
  const { number, previousHash, dataHash } = decode(common.BlockHeader, headerRaw, "common.BlockHeader");
  return { header: { number: toBigInt(number), previousHash, dataHash }, headerRaw, envelopes, metadata };
}

function listParts(items: readonly Uint8Array[]): { parts: Uint8Array[]; bytes: number } {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (const item of items) {
    const head = fieldHead(1, item.length);
    parts.push(head, item);
    bytes += head.length + item.length;
  }
  return { parts, bytes };
}

/** The block's bytes as a list whose concatenation is the block, for a write without a copy. */
export function blockChunks({ header, envelopes, metadata }: BlockParts): Uint8Array[] {
  const headerBytes = encode(common.BlockHeader, { ...header, number: toLong(header.number) });
  const data = listParts(envelopes);
  const meta = listParts(metadata);
  return [
    fieldHead(1, headerBytes.length),
    headerBytes,
    fieldHead(2, data.bytes),
    ...data.parts,
    fieldHead(3, meta.bytes),
    ...meta.parts,
  ];
}

export function joinBlock(parts: BlockParts): Uint8Array {
  return concatBytes(...blockChunks(parts));
}
