/** Who may read the governance strand: identities of the members and of the operator, as long as they are that. */
import type { GovernanceState, Identities, Member } from "@hansa/governance";
import { decodeSerializedIdentity, type Identity } from "@hansa/msp";
import { refused, type SeekRefusal } from "@hansa/ordering";
import { HansaError, messageOf, type UnixMs } from "@hansa/primitives";
import { type ReadEnvelope, Status } from "@hansa/wire";

const READING: ReadonlySet<Member["status"]> = new Set(["joining", "active", "leaving"]);

export class StrandAccess {
  readonly #envelope: ReadEnvelope;
  readonly #identities: Identities;
  #judged: { state: GovernanceState; identity: Identity } | undefined;
  #isVerified = false;

  constructor(envelope: ReadEnvelope, identities: Identities) {
    this.#envelope = envelope;
    this.#identities = identities;
  }

  /** Undefined when the sender may read. */
  evaluate(state: GovernanceState, now: UnixMs): SeekRefusal | undefined {
    try {
      if (this.#judged?.state !== state) this.#judged = { state, identity: this.#identityIn(state) };
      const { identity } = this.#judged;
      if (now > identity.expiresAtMs) return forbidden("its certificate has expired");
      const { payloadBytes, signature } = this.#envelope;
      this.#isVerified ||= identity.verify(payloadBytes, signature);
      return this.#isVerified ? undefined : forbidden("its signature does not fit the request");
    } catch (error) {
      if (error instanceof HansaError) return forbidden(messageOf(error));
      throw error;
    }
  }

  #identityIn(state: GovernanceState): Identity {
    const { creator } = this.#envelope.signatureHeader;
    const { mspid } = decodeSerializedIdentity(creator);
    const readers = [...state.members.values()].filter(({ mspId, status }) => mspId === mspid && READING.has(status));
    const configs = [...readers.map(({ mspConfig }) => mspConfig), state.operatorMspConfig];
    const mspConfig = configs.find((config) => this.#identities.msp(config).id === mspid);
    if (mspConfig === undefined) throw new HansaError("UNKNOWN_MSP", `"${mspid}" is no member of the network`);
    return this.#identities.identity(mspConfig, creator);
  }
}

function forbidden(reason: string): SeekRefusal {
  return refused(Status.FORBIDDEN, `the sender may not read the governance strand: ${reason}`);
}
