/**
 * Decisions as the authority itself makes them out. It follows the governance strand block by block, recomputing hashes,
 * signatures and rules, and works out what a decision makes of a channel's configuration, so that it need not believe
 * whoever asks for a signature. What it has seen is in memory only; after a restart it is told again.
 */
import { changeMembership, computeConfigUpdate } from "@hansa/channel-config";
import {
  type Enactment,
  type GovernanceState,
  Identities,
  STRAND_START,
  type StrandBlock,
  type StrandPosition,
  verifyStrand,
} from "@hansa/governance";
import { type Bytes, equalBytes, HansaError, messageOf } from "@hansa/primitives";
import { common, encode } from "@hansa/wire";
import { CaError } from "./error.js";

/** The strand must be told from this block on. */
export class BlocksNeededError extends CaError {
  constructor(readonly firstSequenceNo: number) {
    super("REFUSED", `the governance strand is needed from block ${firstSequenceNo} on`, {
      nextStep: "Send the blocks with the request.",
    });
  }
}

export class StrandMirror {
  readonly #verify = new Identities().verifier();
  #position: StrandPosition = STRAND_START;

  /** The number of the first block that it has not seen. */
  get next(): number {
    return this.#position.tip?.size ?? 0;
  }

  get strandId(): string | undefined {
    return this.#position.tip?.strandId;
  }

  get state(): GovernanceState | undefined {
    return this.#position.state;
  }

  /**
   * Takes blocks in, all or none.
   * @throws BlocksNeededError; CaError BAD_REQUEST when a block does not hold
   */
  take(firstSequenceNo: number, blocks: readonly StrandBlock[]): void {
    const [first] = blocks;
    if (first === undefined) return;
    // Another strand from its beginning: another network, or the same one made anew.
    const isAnother = firstSequenceNo === 0 && first.block.address.strandId !== this.strandId;
    const from = isAnother ? STRAND_START : this.#position;
    const next = from.tip?.size ?? 0;
    if (firstSequenceNo > next) throw new BlocksNeededError(next);
    const verified = verifyStrand(blocks.slice(next - firstSequenceNo), this.#verify, from);
    if (!verified.ok) {
      const { sequenceNo, record, reason } = verified.fault;
      const where = record === undefined ? `block ${sequenceNo}` : `block ${sequenceNo}, record ${record}`;
      throw new CaError("BAD_REQUEST", `the governance strand does not hold: ${where}: ${reason}`);
    }
    this.#position = verified.position;
  }

  /**
   * The decision that waits under this id, when the member with this governance identity stands for it.
   * @throws CaError NOT_FOUND, FORBIDDEN; BlocksNeededError
   */
  decision(enactmentId: string, governanceIdentity: Bytes): { enactment: Enactment; memberId: string } {
    const { state } = this;
    if (state === undefined) throw new BlocksNeededError(0);
    const enactment = state.enactments.find((each) => each.enactmentId === enactmentId);
    if (enactment === undefined) {
      throw new CaError("NOT_FOUND", `no decision "${enactmentId}" waits to be carried out at block ${this.next - 1}`);
    }
    const own = [...state.members.values()].filter((each) => equalBytes(each.governanceIdentity, governanceIdentity));
    const signing = own.find(({ memberId }) => enactment.signers.includes(memberId));
    if (signing === undefined) {
      const who = own[0] === undefined ? "this authority's organisation" : `member ${own[0].memberId}`;
      throw new CaError("FORBIDDEN", `${who} does not stand for "${enactmentId}"`, {
        nextStep: "Ask the authorities of the members that voted for it.",
      });
    }
    return { enactment, memberId: signing.memberId };
  }
}

/**
 * Compares an update with what the decision makes of the channel.
 * @param configUpdate bytes of common.ConfigUpdate
 * @throws CaError FORBIDDEN when it is anything else
 */
export function checkUpdate(
  enactment: Enactment,
  channelId: string,
  current: common.IConfig,
  configUpdate: Bytes,
): void {
  const { channels, enactmentId } = enactment;
  const isMeant = channels.kind === "all" || (channels.kind === "listed" && channels.names.includes(channelId));
  if (!isMeant) throw new CaError("FORBIDDEN", `"${enactmentId}" does not concern channel ${channelId}`);
  let expected: Bytes;
  try {
    const update = computeConfigUpdate(channelId, current, changeMembership(current, enactment));
    expected = encode(common.ConfigUpdate, update);
  } catch (cause) {
    if (!(cause instanceof HansaError)) throw cause;
    throw new CaError("BAD_REQUEST", `"${enactmentId}" makes no update of channel ${channelId}: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (!equalBytes(expected, configUpdate)) {
    throw new CaError("FORBIDDEN", `the update is not what "${enactmentId}" makes of channel ${channelId}`, {
      nextStep: "Compute it from the channel's present configuration.",
    });
  }
}
