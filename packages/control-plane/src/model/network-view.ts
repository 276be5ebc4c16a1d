/** One network as the API shows it: what governance says now, with the control plane's own rows around it. */
import {
  asOf,
  type GovernanceState,
  type Invitation,
  type Member,
  nextExpiry,
  type VotingPolicy,
} from "@hansa/governance";
import type { UnixMs } from "@hansa/primitives";
import type { OperatedNetwork } from "../operator.js";
import type { Edition } from "../quotas.js";
import type { MemberRow, NetworkRow } from "./rows.js";

export type NetworkStatus = "CREATING" | "AVAILABLE" | "CREATE_FAILED" | "DELETING" | "DELETED";
export type MemberStatus = "CREATING" | "AVAILABLE" | "CREATE_FAILED" | "UPDATING" | "DELETING" | "DELETED";

export type MemberView = {
  readonly memberId: string;
  readonly networkId: string;
  readonly name: string;
  readonly description: string | undefined;
  readonly accountId: string;
  readonly status: MemberStatus;
  readonly createdAt: number;
  readonly row: MemberRow | undefined;
  /** Absent while it is being made. */
  readonly member: Member | undefined;
};

const MEMBER_STATUS = {
  joining: "CREATING",
  active: "AVAILABLE",
  failed: "CREATE_FAILED",
  leaving: "DELETING",
  left: "DELETED",
} as const satisfies Record<Member["status"], MemberStatus>;

export type Facts = {
  readonly networkId: string;
  readonly row: NetworkRow | undefined;
  readonly operated: OperatedNetwork | undefined;
  /** This network's. */
  readonly memberRows: readonly MemberRow[];
  /** Time by the control plane's clock. */
  readonly wall: number;
  readonly createDelayMs: number;
};

export class NetworkView {
  readonly networkId: string;
  readonly row: NetworkRow | undefined;
  readonly operated: OperatedNetwork | undefined;
  /** As of the network's own time. */
  readonly state: GovernanceState | undefined;
  readonly now: UnixMs;
  readonly #facts: Facts;
  #members: readonly MemberView[] | undefined;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.networkId = facts.networkId;
    this.row = facts.row;
    this.operated = facts.operated;
    this.now = facts.operated?.now() ?? (facts.wall as UnixMs);
    this.state = facts.operated && stateAsOf(facts.operated.governance, this.now);
  }

  get name(): string {
    return this.state?.name ?? this.row?.name ?? "";
  }

  get description(): string | undefined {
    return this.state === undefined ? this.row?.description : this.state.description;
  }

  get frameworkVersion(): string {
    return this.state?.frameworkVersion ?? this.row?.frameworkVersion ?? "";
  }

  get edition(): Edition {
    return this.state?.edition ?? this.row?.edition ?? "STARTER";
  }

  get policy(): VotingPolicy | undefined {
    return this.state?.policy ?? this.row?.policy;
  }

  get createdAt(): number {
    return this.row?.createdAt ?? this.state?.foundedAt ?? 0;
  }

  get status(): NetworkStatus {
    const { row, state } = this;
    if (row?.state === "deleted") return "DELETED";
    if (state?.status === "DELETED") return state.enactments.length === 0 ? "DELETED" : "DELETING";
    if (row?.state === "failed") return "CREATE_FAILED";
    if (row?.state === "creating") return "CREATING";
    // Made once, and not there any more: somebody took its data away.
    if (state === undefined) return "DELETED";
    if (row !== undefined && this.#isDelayed(row.createdWall)) return "CREATING";
    return "AVAILABLE";
  }

  /** Oldest first; those that left are in it. */
  get members(): readonly MemberView[] {
    this.#members ??= this.#allMembers();
    return this.#members;
  }

  member(memberId: string): MemberView | undefined {
    return this.members.find((member) => member.memberId === memberId);
  }

  membersOf(accountId: string): MemberView[] {
    return this.members.filter((member) => member.accountId === accountId && member.status !== "DELETED");
  }

  /** Members that take a place: all that are not gone or failed. */
  get seatsTaken(): number {
    return this.members.filter(({ status }) => status !== "DELETED" && status !== "CREATE_FAILED").length;
  }

  /** With ACCEPTING while a member is being made of it. */
  get invitations(): readonly Invitation[] {
    const underWay = new Set(
      this.#facts.memberRows.filter(({ state }) => state === "creating").map(({ invitationId }) => invitationId),
    );
    return [...(this.state?.invitations.values() ?? [])].map((invitation) =>
      invitation.status === "PENDING" && underWay.has(invitation.invitationId)
        ? { ...invitation, status: "ACCEPTING" as const }
        : invitation,
    );
  }

  /** Members and the invited see a network, for as long as it is there. */
  isVisibleTo(accountId: string): boolean {
    if (this.status === "DELETED") return false;
    return (
      this.membersOf(accountId).length > 0 ||
      this.invitations.some(
        (invitation) =>
          invitation.accountId === accountId && (invitation.status === "PENDING" || invitation.status === "ACCEPTING"),
      )
    );
  }

  #isDelayed(createdWall: number): boolean {
    return this.#facts.wall < createdWall + this.#facts.createDelayMs;
  }

  #allMembers(): MemberView[] {
    const { networkId } = this;
    const rows = new Map(this.#facts.memberRows.map((row) => [row.memberId, row]));
    const known = [...(this.state?.members.values() ?? [])].map((member): MemberView => {
      const row = rows.get(member.memberId);
      rows.delete(member.memberId);
      const { memberId, name, description, accountId } = member;
      const status = row?.state === "deleted" ? "DELETED" : this.#statusOf(member, row);
      return {
        memberId,
        networkId,
        name,
        description,
        accountId,
        status,
        createdAt: row?.createdAt ?? member.joinedAt,
        row,
        member,
      };
    });
    const coming = [...rows.values()].map((row): MemberView => {
      const { memberId, name, description, accountId, createdAt } = row;
      const status = row.state === "failed" ? "CREATE_FAILED" : row.state === "deleted" ? "DELETED" : "CREATING";
      return { memberId, networkId, name, description, accountId, status, createdAt, row, member: undefined };
    });
    return [...known, ...coming].sort((a, b) => a.createdAt - b.createdAt || (a.memberId < b.memberId ? -1 : 1));
  }

  #statusOf(member: Member, row: MemberRow | undefined): MemberStatus {
    if (member.status === "active" && row !== undefined && this.#isDelayed(row.createdWall)) return "CREATING";
    // The only member of a deleted network has nobody left who would take it off the channels.
    if (member.status === "leaving" && this.status === "DELETED") return "DELETED";
    return MEMBER_STATUS[member.status];
  }
}

type AsOf = { readonly state: GovernanceState; readonly from: UnixMs; readonly until: UnixMs | undefined };
const known = new WeakMap<GovernanceState, AsOf>();

/** Time changes a state only at its next expiry, so what was computed holds until then. */
export function stateAsOf(state: GovernanceState, now: UnixMs): GovernanceState {
  const last = known.get(state);
  if (last !== undefined && now >= last.from && (last.until === undefined || now < last.until)) return last.state;
  const shown = asOf(state, now);
  known.set(state, { state: shown, from: now, until: nextExpiry(shown) });
  return shown;
}
