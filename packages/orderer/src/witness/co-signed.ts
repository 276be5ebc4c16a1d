/**
 * Which digests of one strand members' peers have signed. Kept are those touched last and, for all time, one witnessed
 * digest for each stretch of blocks; the stretches grow with the strand, so that their number stays bounded.
 */
import type { Bytes } from "@hansa/primitives";
import { equalBytes } from "@hansa/primitives";
import type { hansa } from "@hansa/wire";

export type KeepRules = {
  /** How many digests are kept because they were touched last. */
  readonly newest: number;
  /** Of so many blocks one witnessed digest is kept. */
  readonly everyBlocks: number;
  /** At most so many are kept for their stretch. */
  readonly stretches: number;
};

export type CoSignature = {
  readonly mspId: string;
  /** msp.SerializedIdentity */
  readonly identity: Bytes;
  readonly signature: Bytes;
};

export type WitnessState = {
  /** Members of whom a peer signed, sorted. */
  readonly mspIds: readonly string[];
  readonly members: number;
  /** Peers of a majority of the members signed. */
  readonly witnessed: boolean;
};

type Entry = { readonly digest: Bytes; readonly signatures: CoSignature[] };

/** More peers of one member prove no more. */
const MAX_SIGNATURES_PER_MEMBER = 4;

export class CoSigned {
  readonly #rules: KeepRules;
  /** By tip; touched last comes last. */
  readonly #entries = new Map<number, Entry>();

  constructor(rules: KeepRules) {
    this.#rules = rules;
  }

  has(tip: number): boolean {
    return this.#entries.has(tip);
  }

  digest(tip: number): Bytes | undefined {
    return this.#entries.get(tip)?.digest;
  }

  signatures(tip: number): readonly CoSignature[] {
    return this.#entries.get(tip)?.signatures ?? [];
  }

  /** Takes signatures for a digest from now on. */
  open(tip: number, digest: Bytes, signatures: readonly CoSignature[] = []): void {
    const known = this.#entries.get(tip);
    this.#entries.delete(tip);
    this.#entries.set(tip, known ?? { digest, signatures: [...signatures] });
  }

  /** Returns false when the signer's word is known already, or one more of its member says nothing new. */
  add(tip: number, added: CoSignature): boolean {
    const entry = this.#entries.get(tip);
    if (entry === undefined) return false;
    this.#entries.delete(tip);
    this.#entries.set(tip, entry);
    if (entry.signatures.some(({ identity }) => equalBytes(identity, added.identity))) return false;
    const ofMember = entry.signatures.filter(({ mspId }) => mspId === added.mspId);
    if (ofMember.length >= MAX_SIGNATURES_PER_MEMBER) return false;
    entry.signatures.push(added);
    return true;
  }

  /** @param members MSP ids of all members of the channel */
  state(tip: number, members: readonly string[]): WitnessState {
    const signed = new Set(this.signatures(tip).map(({ mspId }) => mspId));
    const mspIds = members.filter((mspId) => signed.has(mspId)).sort();
    return { mspIds, members: members.length, witnessed: mspIds.length * 2 > members.length };
  }

  /** Tips of signed digests that cover a block, newest first. */
  tips(from: number): number[] {
    const tips = [...this.#entries].filter(([tip, { signatures }]) => tip >= from && signatures.length > 0);
    return tips.map(([tip]) => tip).sort((a, b) => b - a);
  }

  /** The newest tip that covers a block and is witnessed. */
  witnessedTip(from: number, members: readonly string[]): number | undefined {
    return this.tips(from).find((tip) => this.state(tip, members).witnessed);
  }

  /** Forgets what need not be kept, and says which tips that were. */
  prune(height: number, members: readonly string[], inUse: ReadonlySet<number>): number[] {
    const { newest, everyBlocks, stretches } = this.#rules;
    let stretch = everyBlocks;
    while (height / stretch > stretches) stretch *= 2;
    const tips = [...this.#entries.keys()];
    const kept = new Set([...tips.slice(-newest), ...inUse]);
    const filled = new Set<number>();
    for (const tip of [...tips].sort((a, b) => a - b)) {
      const place = Math.floor(tip / stretch);
      if (filled.has(place) || !this.state(tip, members).witnessed) continue;
      filled.add(place);
      kept.add(tip);
    }
    const gone = tips.filter((tip) => !kept.has(tip));
    for (const tip of gone) this.#entries.delete(tip);
    return gone;
  }

  /** As it is kept and shown: the peers' signatures only. */
  message(tip: number): hansa.journal.ISignedDigest {
    const entry = this.#entries.get(tip);
    return {
      digest: entry?.digest ?? new Uint8Array(0),
      signatures: (entry?.signatures ?? []).map(({ identity, signature }) => ({ identity, signature })),
    };
  }
}
