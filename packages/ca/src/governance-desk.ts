/**
 * What the organisation's governance key signs, and for whom: acts of the organisation itself, asked for by a registrar.
 * Every signature is noted in the registry before it is handed out; what an organisation is in a network follows from
 * those notes, so that a key which spoke for one member never speaks for another. The first note of a role is on the
 * disk by then; those that repeat it follow a moment later.
 */
import { signConfigUpdate } from "@hansa/channel-config";
import { type StrandBlock, strandBlockOf } from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, type Clock, equalBytes, type MspId, type Random, sha256, toHex } from "@hansa/primitives";
import { type common, decode, hansa } from "@hansa/wire";
import { checkUpdate, StrandMirror } from "./enactment.js";
import { CaError } from "./error.js";
import { GovernanceKey, type GovernanceKeyParts } from "./governance-key.js";
import { checkMayRegister } from "./registration.js";
import type { GovernanceRecord, RegisteredIdentity, Registry } from "./registry.js";

export type GovernanceDeskParts = GovernanceKeyParts & {
  readonly random: Random;
  /** One change after the other, with those of the authority. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
};

const RECORD_FORMAT = "hansa.governance.record/1";
const MAX_RECORD_BYTES = 1024 * 1024;
const NONCE_BYTES = 24;

export type EnactmentAsk = {
  /** Of `blocks`. */
  readonly firstSequenceNo: number;
  readonly blocks: readonly hansa.governance.IStrandBlock[];
  /** Empty: only the blocks are taken in. */
  readonly enactmentId: string;
  readonly channelId: string;
  readonly current: common.IConfig;
  /** Bytes of common.ConfigUpdate. */
  readonly configUpdate: Bytes;
};

type Speaker = { role: "operator" } | { role: "member"; memberId: string };

export class GovernanceDesk {
  readonly #key: GovernanceKey;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #exclusively: GovernanceDeskParts["exclusively"];
  readonly #mirror = new StrandMirror();

  constructor(parts: GovernanceDeskParts) {
    this.#key = new GovernanceKey(parts);
    this.#registry = parts.registry;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#exclusively = parts.exclusively;
  }

  /** Bytes of msp.SerializedIdentity. @throws CaError FORBIDDEN, BAD_REQUEST, REFUSED, CORRUPT_STORE */
  identity(caller: RegisteredIdentity, mspId: MspId): Promise<Bytes> {
    checkMaySign(caller);
    return this.#exclusively(async () => (await this.#key.ensure(mspId)).serialized);
  }

  /**
   * Signs a record whose act is the organisation's own.
   * @param bytes hansa.governance.Record
   * @throws CaError FORBIDDEN when the act is another's; WireError, CaError BAD_REQUEST for bytes that are no record
   */
  signRecord(caller: RegisteredIdentity, bytes: Bytes): Promise<hansa.governance.ISignature> {
    checkMaySign(caller);
    if (bytes.length > MAX_RECORD_BYTES) {
      throw new CaError("BAD_REQUEST", `a record of ${bytes.length} bytes is larger than ${MAX_RECORD_BYTES}`);
    }
    const record = decode(hansa.governance.Record, bytes, "hansa.governance.Record");
    if (record.format !== RECORD_FORMAT) {
      throw new CaError("BAD_REQUEST", `the record's format is "${record.format.slice(0, 64)}", not ${RECORD_FORMAT}`);
    }
    if (record.networkId === "") throw new CaError("BAD_REQUEST", "the record names no network");
    return this.#exclusively(async () => {
      const identity = await this.#present();
      const speaker = this.#speakerOf(record, identity);
      await this.#note({ ...speaker, networkId: record.networkId, what: record.act ?? "", hashHex: hashOf(bytes) });
      return { identity: identity.serialized, signature: identity.sign(bytes) };
    });
  }

  /**
   * Takes blocks of the strand in, and signs a channel update that the member stands for.
   * @returns the signature, when one was asked for, and the number of the first block that was not seen
   * @throws BlocksNeededError; CaError FORBIDDEN, NOT_FOUND, BAD_REQUEST
   */
  signEnactment(
    caller: RegisteredIdentity,
    ask: EnactmentAsk,
  ): Promise<{ signature: common.IConfigSignature | undefined; next: number }> {
    checkMaySign(caller);
    const blocks: StrandBlock[] = ask.blocks.map(strandBlockOf);
    return this.#exclusively(async () => {
      this.#mirror.take(ask.firstSequenceNo, blocks);
      const { next } = this.#mirror;
      if (ask.enactmentId === "") return { signature: undefined, next };
      return { signature: await this.#sign(ask), next };
    });
  }

  async #sign(ask: EnactmentAsk): Promise<common.IConfigSignature> {
    const { enactmentId, channelId, current, configUpdate } = ask;
    const identity = await this.#present();
    const { enactment, memberId } = this.#mirror.decision(enactmentId, identity.serialized);
    const { networkId } = this.#mirror.state ?? { networkId: "" };
    const { strandId } = this.#mirror;
    const known = this.#registry.governanceRole(networkId)?.strandId;
    if (known !== undefined && known !== strandId) {
      throw new CaError("FORBIDDEN", `network ${networkId} was founded on strand ${known}, not on ${strandId}`);
    }
    checkUpdate(enactment, channelId, current, configUpdate);
    const what = `${enactmentId} on channel ${channelId}`;
    const hashHex = hashOf(configUpdate);
    await this.#note({ role: "member", memberId, networkId, ...(strandId && { strandId }), what, hashHex });
    return signConfigUpdate(configUpdate, identity, this.#random.bytes(NONCE_BYTES));
  }

  /** As whom the organisation signs the act. */
  #speakerOf(record: hansa.governance.Record, identity: SigningIdentity): Speaker {
    const { networkId } = record;
    const known = this.#registry.governanceRole(networkId);
    const isOwn = (other: Bytes | null | undefined) => other != null && equalBytes(other, identity.serialized);
    const operator = (): Speaker => {
      if (known?.operator === true) return { role: "operator" };
      throw new CaError("FORBIDDEN", `this authority did not found network ${networkId} and does not operate it`);
    };
    const member = (memberId: string | null | undefined): Speaker => {
      if (memberId == null || memberId === "") throw new CaError("BAD_REQUEST", "the record names no member");
      if (known?.memberId === undefined || known.memberId === memberId) return { role: "member", memberId };
      throw new CaError("FORBIDDEN", `this authority signs for member ${known.memberId}, not for ${memberId}`);
    };
    switch (record.act) {
      case "founded":
        if (isOwn(record.founded?.operatorIdentity)) return { role: "operator" };
        throw new CaError("FORBIDDEN", "the record names another operator than this authority's governance identity");
      case "proposed":
        return member(record.proposed?.memberId);
      case "voted":
        return member(record.voted?.memberId);
      case "left":
        return member(record.left?.memberId);
      case "invitationAccepted": {
        const joining = record.invitationAccepted?.member;
        if (!isOwn(joining?.governanceIdentity)) return operator();
        if (!joining?.memberId) throw new CaError("BAD_REQUEST", "the record names no member");
        // The record itself says whose key this is, so a member that comes again may have another id.
        return { role: "member", memberId: joining.memberId };
      }
      case "invitationRejected":
      case "enacted":
      case "clockAdvanced":
        return operator();
      default:
        throw new CaError("BAD_REQUEST", "the record holds no act of this version");
    }
  }

  async #present(): Promise<SigningIdentity> {
    const identity = await this.#key.present();
    if (identity !== undefined) return identity;
    throw new CaError("REFUSED", "this authority has no governance identity yet", {
      nextStep: "Ask for the governance identity first.",
    });
  }

  /** Waits for the disk only where the note tells what the organisation is in a network, which later acts rest on. */
  #note(note: Omit<GovernanceRecord, "kind" | "atMs">): Promise<void> {
    const record: GovernanceRecord = { kind: "governance", ...note, atMs: this.#clock.now() };
    const known = this.#registry.governanceRole(note.networkId);
    const isKnown =
      (note.role === "operator" ? known?.operator === true : known?.memberId === note.memberId) &&
      (note.strandId === undefined || known?.strandId === note.strandId);
    return isKnown ? this.#registry.note([record]) : this.#registry.append([record]);
  }
}

/** Whoever may make administrators may speak for the organisation. */
function checkMaySign(caller: RegisteredIdentity): void {
  checkMayRegister(caller, {
    id: "governance",
    type: "admin",
    affiliation: "",
    attributes: [],
    maxEnrollments: -1,
    secret: "",
  });
}

function hashOf(bytes: Bytes): string {
  return toHex(sha256(bytes));
}
