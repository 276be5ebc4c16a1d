/**
 * Collecting endorsements: which peers are asked next, and whether those that answered are enough.
 *
 * An endorsement counts for the group of its peer in every layout that is still possible, so that a layout begun
 * after another failed starts with what is there. A peer counts in one group only.
 * Source: hyperledger/fabric, internal/pkg/gateway/endorsement.go.
 */
import { bytesKey, equalBytes } from "@hansa/primitives";
import type { protos } from "@hansa/wire";
import type { Endorser } from "./endorsers.js";
import type { ErrorDetail } from "./failure.js";

/** Group → how many endorsements it must give. */
export type Quantities = ReadonlyMap<string, number>;

/** With the two payloads that differ when it was not taken. */
export type Addition =
  | { readonly taken: true }
  | { readonly taken: false; readonly first: Uint8Array; readonly second: Uint8Array };

type Answer = Pick<Endorser, "address" | "mspId"> & { readonly payload: Uint8Array };

/** Two endorsers whose results differ. */
export type Mismatched = { readonly first: Answer; readonly second: Answer };

const TAKEN: Addition = { taken: true };

type OpenLayout = { required: Map<string, number>; endorsements: protos.IEndorsement[] };

export class EndorsementCollection {
  readonly #layouts: (OpenLayout | undefined)[];
  readonly #waiting = new Map<string, Endorser[]>();
  readonly #groupOf = new Map<string, string>();
  readonly #details: ErrorDetail[] = [];
  #next = 0;
  #payload: Uint8Array | undefined;
  #first: Endorser | undefined;
  #mismatched: Mismatched | undefined;
  #completed: OpenLayout | undefined;

  /** @param groups peers of each group, best first */
  constructor(layouts: readonly Quantities[], groups: ReadonlyMap<string, readonly Endorser[]>) {
    this.#layouts = layouts.map((required) => ({ required: new Map(required), endorsements: [] }));
    for (const [group, endorsers] of groups) {
      this.#waiting.set(group, [...endorsers]);
      for (const { address } of endorsers) this.#groupOf.set(address, group);
    }
  }

  get details(): readonly ErrorDetail[] {
    return this.#details;
  }

  /** The first endorser that was given up because its results differ, and the one that they differ from. */
  get mismatched(): Mismatched | undefined {
    return this.#mismatched;
  }

  get isComplete(): boolean {
    return this.#completed !== undefined;
  }

  /** Payload and endorsements of the completed layout, each endorser once. */
  get result(): { payload: Uint8Array; endorsements: protos.IEndorsement[] } | undefined {
    if (this.#completed === undefined || this.#payload === undefined) return undefined;
    return { payload: this.#payload, endorsements: eachEndorserOnce(this.#completed.endorsements) };
  }

  /** Peers to ask for the next layout that can still be filled; undefined when there is none. */
  nextEndorsers(): Endorser[] | undefined {
    for (; this.#next < this.#layouts.length; this.#next++) {
      const layout = this.#layouts[this.#next];
      if (layout === undefined) continue;
      const enough = [...layout.required].every(([group, quantity]) => this.#waitingIn(group).length >= quantity);
      if (!enough) {
        this.#layouts[this.#next] = undefined;
        continue;
      }
      return [...layout.required].flatMap(([group, quantity]) => this.#waitingIn(group).splice(0, quantity));
    }
    return undefined;
  }

  /** Takes an endorsement in, unless its results differ from those of the first. */
  add(endorser: Endorser, response: protos.ProposalResponse): Addition {
    const group = this.#groupOf.get(endorser.address) ?? "";
    const waiting = this.#waitingIn(group);
    const position = waiting.findIndex((each) => each.address === endorser.address);
    if (position !== -1) waiting.splice(position, 1);
    if (this.#payload === undefined) {
      this.#payload = response.payload;
      this.#first = endorser;
    } else if (!equalBytes(this.#payload, response.payload)) {
      return { taken: false, first: this.#payload, second: response.payload };
    }
    for (const layout of this.#layouts.slice(this.#next)) {
      const open = layout?.required.get(group);
      if (layout === undefined || open === undefined) continue;
      if (response.endorsement) layout.endorsements.push(response.endorsement);
      if (open > 1) {
        layout.required.set(group, open - 1);
        continue;
      }
      layout.required.delete(group);
      if (layout.required.size === 0) {
        this.#completed = layout;
        break;
      }
    }
    return TAKEN;
  }

  /** Another peer of the group of one that failed, or the group when it has no more. */
  substitute(endorser: Endorser): { next: Endorser; group: undefined } | { next: undefined; group: string } {
    const group = this.#groupOf.get(endorser.address) ?? "";
    const next = this.#waitingIn(group).shift();
    return next === undefined ? { next, group } : { next, group: undefined };
  }

  /** Gives up the current layout and all that need one of these groups. */
  abandon(groups: readonly (string | undefined)[]): void {
    for (let index = this.#next; index < this.#layouts.length; index++) {
      const layout = this.#layouts[index];
      if (groups.some((group) => group !== undefined && layout?.required.has(group))) this.#layouts[index] = undefined;
    }
    this.#next++;
  }

  addError({ address, mspId }: Endorser, message: string): void {
    this.#details.push({ address, mspId, message });
  }

  /** As `addError`, for one whose results differ from those of the first. */
  addMismatch(endorser: Endorser, payload: Uint8Array, message: string): void {
    this.addError(endorser, message);
    if (this.#first === undefined || this.#payload === undefined) return;
    this.#mismatched ??= { first: answerOf(this.#first, this.#payload), second: answerOf(endorser, payload) };
  }

  #waitingIn(group: string): Endorser[] {
    return this.#waiting.get(group) ?? [];
  }
}

function answerOf({ address, mspId }: Endorser, payload: Uint8Array): Answer {
  return { address, mspId, payload };
}

function eachEndorserOnce(endorsements: readonly protos.IEndorsement[]): protos.IEndorsement[] {
  const seen = new Set<string>();
  return endorsements.filter(({ endorser }) => {
    const key = bytesKey(endorser ?? new Uint8Array(0));
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
