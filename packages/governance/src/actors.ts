/** Whose act an act is: who must sign it. */
import type { Bytes } from "@hansa/primitives";
import type { Act } from "./acts.js";
import { GovernanceRefusal } from "./error.js";
import type { GovernanceState } from "./state.js";

export type Actor = {
  readonly name: string;
  /** msp.SerializedIdentity: the governance key that signs. */
  readonly identity: Bytes;
  /** msp.MSPConfig that certifies it. */
  readonly mspConfig: Bytes;
};

/** The part of a state that says who they are. */
export type Parties = Pick<GovernanceState, "networkId" | "operatorIdentity" | "operatorMspConfig" | "members">;

/**
 * Each of them signs the record, and nobody else.
 * @param parties undefined before the network is founded
 */
export function actorsOf(parties: Parties | undefined, act: Act): readonly Actor[] | GovernanceRefusal {
  if (act.kind === "founded") return [operator(act)];
  if (parties === undefined) return new GovernanceRefusal("NOT_FOUND", "the network is not founded yet");
  switch (act.kind) {
    case "proposed":
    case "voted":
    case "left": {
      const { memberId } = act;
      const member = parties.members.get(memberId);
      if (member === undefined) {
        return new GovernanceRefusal("NOT_FOUND", `there is no member ${memberId} in this network`, {
          resource: memberId,
        });
      }
      return [{ name: member.name, identity: member.governanceIdentity, mspConfig: member.mspConfig }];
    }
    case "invitationAccepted": {
      const { name, governanceIdentity: identity, mspConfig } = act.member;
      return [{ name, identity, mspConfig }, operator(parties)];
    }
    case "invitationRejected":
    case "enacted":
    case "clockAdvanced":
      return [operator(parties)];
  }
}

function operator({ operatorIdentity, operatorMspConfig }: Pick<Parties, "operatorIdentity" | "operatorMspConfig">) {
  return { name: "the operator", identity: operatorIdentity, mspConfig: operatorMspConfig };
}
