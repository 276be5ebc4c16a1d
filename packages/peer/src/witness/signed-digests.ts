/** The digests that this peer has signed, with the orderer's signature on each: what a fork is shown by. */
import type { Bytes } from "@hansa/primitives";

export type SignedByUs = {
  /** Number of the last block covered. */
  readonly tip: number;
  /** hansa.journal.Digest */
  readonly digest: Bytes;
  /** Of the orderer that offered it. */
  readonly orderer: { readonly identity: Bytes; readonly signature: Bytes };
  readonly ownSignature: Bytes;
};

/** All of the newest are kept, and of older ones the fewer the older they are. */
const MOST = 64;

export class SignedDigests {
  /** Ascending by tip. */
  #list: readonly SignedByUs[];

  constructor(list: readonly SignedByUs[] = []) {
    this.#list = [...list].sort((a, b) => a.tip - b.tip);
  }

  get all(): readonly SignedByUs[] {
    return this.#list;
  }

  at(tip: number): SignedByUs | undefined {
    return this.#list.find((each) => each.tip === tip);
  }

  before(tip: number): SignedByUs | undefined {
    return this.#list.findLast((each) => each.tip < tip);
  }

  after(tip: number): SignedByUs | undefined {
    return this.#list.find((each) => each.tip > tip);
  }

  with(added: SignedByUs): SignedDigests {
    const list = [...this.#list.filter(({ tip }) => tip !== added.tip), added].sort((a, b) => a.tip - b.tip);
    // Of the older half every other one goes: what remains lies ever further apart.
    const older = MOST / 2;
    return new SignedDigests(list.length > MOST ? list.filter((_, i) => i >= older || i % 2 === 0) : list);
  }
}
