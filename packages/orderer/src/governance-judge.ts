/** Judges the members' acts before they are ordered: whose they are, whether they may, and who may found a network. */
import {
  type Folded,
  type Founded,
  GovernanceRefusal,
  type GovernanceState,
  Identities,
  judgeRecord,
  type Refused,
  type SignedRecord,
} from "@hansa/governance";
import { decodeSerializedIdentity, type SignedData, type SigningIdentity } from "@hansa/msp";
import type { GovernanceRules } from "@hansa/ordering";
import { HansaError, type UnixMs } from "@hansa/primitives";

export class RecordJudge implements GovernanceRules {
  readonly identities = new Identities();
  /** For what was ordered once: its certificates may have expired since. */
  readonly verify = this.identities.verifier();
  readonly #identity: SigningIdentity;

  /** @param identity a network is founded only by an administrator of its organisation */
  constructor(identity: SigningIdentity) {
    this.#identity = identity;
  }

  judge(state: GovernanceState | undefined, signed: SignedRecord, at: UnixMs, certificatesAt: UnixMs): Folded {
    const { act } = signed;
    // First, because it is cheap, and before the founding anybody may come with anything.
    if (act.kind === "founded" && !this.mayFound(act)) {
      return invalid(`a network is founded here by an administrator of ${this.#identity.mspId}`);
    }
    const judged = judgeRecord(state, signed, at, this.identities.verifier(certificatesAt));
    if (!judged.ok) return judged;
    const stranger = this.identities.strangerIn(act);
    return stranger === undefined ? judged : invalid(stranger);
  }

  /** The founder's certificate must come from the very CA that certified this node, whatever its MSP definition says. */
  mayFound({ operatorIdentity, operatorMspConfig }: Founded): boolean {
    const { mspId, certificate } = this.#identity;
    try {
      if (decodeSerializedIdentity(operatorIdentity).mspid !== mspId) return false;
      const msp = this.identities.msp(operatorMspConfig);
      const founder = this.identities.identity(operatorMspConfig, operatorIdentity).certificate;
      const issuers = [...msp.rootCertificates, ...msp.intermediateCertificates];
      return issuers.some((issuer) => certificate.isIssuedBy(issuer) && founder.isIssuedBy(issuer));
    } catch (error) {
      if (error instanceof HansaError) return false;
      throw error;
    }
  }

  isOrderer({ identity, message, signature }: SignedData, operatorMspConfig: Uint8Array): boolean {
    try {
      const signer = this.identities.identity(operatorMspConfig, identity);
      const { orderer, admin, client, peer } = signer.roles;
      // An organisation without node units does not tell its nodes from one another.
      return (orderer || !(admin || client || peer)) && signer.verify(message, signature);
    } catch (error) {
      if (error instanceof HansaError) return false;
      throw error;
    }
  }
}

function invalid(reason: string): Refused {
  return { ok: false, refusal: new GovernanceRefusal("INVALID", reason) };
}
