/** The identities behind signatures: each parsed and judged once under the MSP that the strand has for it. */
import { decodeSerializedIdentity, type Identity, Msp } from "@hansa/msp";
import { type Bytes, bytesKey, HansaError, LruMap, messageOf } from "@hansa/primitives";
import { decode, msp } from "@hansa/wire";
import type { Act, MemberIdentity } from "./acts.js";
import type { VerifySignature } from "./strand.js";

const REMEMBERED_MSPS = 1024;
const REMEMBERED_IDENTITIES = 4096;

/** Serves any number of states and networks. */
export class Identities {
  readonly #msps = new LruMap<string, Msp>(REMEMBERED_MSPS);
  readonly #identities = new LruMap<string, Identity>(REMEMBERED_IDENTITIES);

  /**
   * An identity that counts under its MSP. Says nothing about expiry.
   * @param mspConfig bytes of msp.MSPConfig
   * @param serialized bytes of msp.SerializedIdentity
   * @throws HansaError when either does not read, or the identity is not of this MSP or does not count there
   */
  identity(mspConfig: Bytes, serialized: Bytes): Identity {
    const key = `${bytesKey(mspConfig)}\0${bytesKey(serialized)}`;
    const known = this.#identities.get(key);
    if (known !== undefined) return known;
    const member = this.msp(mspConfig);
    const { mspid, idBytes } = decodeSerializedIdentity(serialized);
    if (mspid !== member.id) {
      throw new HansaError("UNTRUSTED", `an identity of MSP "${mspid}" does not belong to MSP "${member.id}"`);
    }
    const identity = member.identityOf(idBytes, Buffer.from(serialized));
    if (identity.flaw !== undefined) throw identity.flaw;
    this.#identities.set(key, identity);
    return identity;
  }

  /** @throws HansaError */
  msp(mspConfig: Bytes): Msp {
    const key = bytesKey(mspConfig);
    let known = this.#msps.get(key);
    if (known === undefined) {
      known = Msp.fromConfig(decode(msp.MSPConfig, mspConfig, "msp.MSPConfig"));
      this.#msps.set(key, known);
    }
    return known;
  }

  /**
   * Judges signatures of governance records: the signer is an administrator under its MSP.
   * @param now refuses certificates that have expired by then, in milliseconds since 1970; without it none is, for
   *   what was ordered once stays valid. It is the time of certificates, which no ClockAdvanced moves.
   */
  verifier(now?: number): VerifySignature {
    return ({ identity: serialized, mspConfig, message, signature }) => {
      try {
        const identity = this.identity(mspConfig, serialized);
        if (now !== undefined && now > identity.expiresAtMs) return false;
        return identity.roles.admin && identity.verify(message, signature);
      } catch (error) {
        if (error instanceof HansaError) return false;
        throw error;
      }
    };
  }

  /** Why a member that enters with this act could never act itself; undefined when all could. */
  strangerIn(act: Act): string | undefined {
    const entering: readonly MemberIdentity[] =
      act.kind === "founded" ? act.members : act.kind === "invitationAccepted" ? [act.member] : [];
    for (const { memberId, mspConfig, governanceIdentity } of entering) {
      try {
        const { roles } = this.identity(mspConfig, governanceIdentity);
        if (!roles.admin) return `the governance identity of member ${memberId} is no administrator`;
      } catch (error) {
        if (!(error instanceof HansaError)) throw error;
        return `the governance identity of member ${memberId} does not count: ${messageOf(error)}`;
      }
    }
    return undefined;
  }
}
