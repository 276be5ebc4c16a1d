import type { MspId } from "@hansa/primitives";
import type { common } from "@hansa/wire";
import type { Authorities } from "./authorities.js";
import type { EnactmentToSign } from "./enactor.js";
import type { StrandCopy } from "./strand-copy.js";

/**
 * Asks authorities for their signatures under what was decided. An authority follows the strand itself and signs by what
 * it read there; it is told the blocks that it lacks.
 */
export class EnactmentSigner {
  readonly #authorities: Authorities;
  readonly #strand: Pick<StrandCopy, "size" | "block">;
  /** How many blocks an authority has been told. */
  readonly #told = new Map<MspId, number>();
  readonly #lines = new Map<MspId, Promise<unknown>>();

  constructor(authorities: Authorities, strand: Pick<StrandCopy, "size" | "block">) {
    this.#authorities = authorities;
    this.#strand = strand;
  }

  /** @throws CaError with the authority's reason */
  sign(mspId: MspId, request: EnactmentToSign): Promise<common.IConfigSignature> {
    // Of several requests the first brings the blocks, and the others wait for it.
    if ((this.#told.get(mspId) ?? 0) >= this.#strand.size) return this.#ask(mspId, request);
    const before = this.#lines.get(mspId) ?? Promise.resolve();
    const turn = before.then(
      () => this.#ask(mspId, request),
      () => this.#ask(mspId, request),
    );
    this.#lines.set(mspId, turn);
    return turn;
  }

  async #ask(mspId: MspId, { enactmentId, channelId, current, update }: EnactmentToSign) {
    const size = this.#strand.size;
    const blocksFrom = async (first: number) =>
      Array.from({ length: Math.max(0, size - first) }, (_, index) => this.#strand.block(first + index));
    const signature = await this.#authorities.ask(mspId, (ca, registrar) =>
      ca.signEnactment(registrar, { enactmentId, channelId, current, configUpdate: update }, blocksFrom),
    );
    this.#told.set(mspId, size);
    return signature;
  }
}
