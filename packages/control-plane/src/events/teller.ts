/**
 * Watches the state of proposals and invitations and tells every change once per account that it concerns: an
 * invitation to the invited, a proposal to every member's account. Expiry comes without an act, so a timer looks when
 * the next one is due by the network's clock. What was told last is kept, so what changes while nobody looks is told at
 * the next start; only what a network has behind it when it is first seen is not told.
 */
import { createHash } from "node:crypto";
import { type GovernanceState, type Invitation, nextExpiry, type Proposal } from "@hansa/governance";
import { type Logger, messageOf } from "@hansa/primitives";
import { stateAsOf } from "../model/network-view.js";
import { put, type RowStore } from "../model/rows.js";
import type { NetworkOperator, OperatedNetwork } from "../operator.js";
import type { BlockchainEvent, EventSink } from "./sinks.js";

/** Clocks can be moved, so nobody sleeps longer than this. */
const LONGEST_SLEEP_MS = 60_000;

export class EventTeller {
  readonly #operator: NetworkOperator;
  readonly #rows: RowStore;
  readonly #sinks: readonly EventSink[];
  readonly #region: string;
  readonly #logger: Logger;
  readonly #watched = new Map<string, { readonly network: OperatedNetwork; readonly end: () => void }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #end: () => void;
  #last: Promise<void> = Promise.resolve();

  constructor(operator: NetworkOperator, rows: RowStore, sinks: readonly EventSink[], region: string, logger: Logger) {
    this.#operator = operator;
    this.#rows = rows;
    this.#sinks = sinks;
    this.#region = region;
    this.#logger = logger;
    if (sinks.length === 0) {
      this.#end = () => {};
      return;
    }
    this.#end = operator.onChange(() => this.#watchAll());
    this.#watchAll();
  }

  /** Resolves when everything that was seen is told. */
  async stop(): Promise<void> {
    this.#end();
    for (const { end } of this.#watched.values()) end();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#watched.clear();
    this.#timers.clear();
    await this.#last;
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  #watchAll(): void {
    for (const network of this.#operator.networks()) {
      const known = this.#watched.get(network.networkId);
      if (known?.network === network) continue;
      known?.end();
      const end = network.onGovernance(() => this.#look(network));
      this.#watched.set(network.networkId, { network, end });
      this.#look(network);
    }
  }

  #look(network: OperatedNetwork): void {
    const { networkId } = network;
    const state = stateAsOf(network.governance, network.now());
    this.#last = this.#last
      .then(() => this.#tell(state, network.now()))
      .catch((error: unknown) => this.#logger.error("cannot tell events", { networkId, error: messageOf(error) }));
    clearTimeout(this.#timers.get(networkId));
    const due = nextExpiry(state);
    if (due === undefined || !this.#watched.has(networkId)) return;
    const wait = Math.min(Math.max(due - network.now(), 0) + 1, LONGEST_SLEEP_MS);
    const timer = setTimeout(() => this.#look(network), wait);
    timer.unref();
    this.#timers.set(networkId, timer);
  }

  async #tell(state: GovernanceState, at: number): Promise<void> {
    const { networkId } = state;
    if (this.#rows.get("told", networkId) === undefined) return this.#begin(state);
    const accounts = [...new Set([...state.members.values()].filter(isThere).map(({ accountId }) => accountId))];
    for (const proposal of state.proposals.values()) {
      if (this.#isTold(proposal.proposalId, proposal.status)) continue;
      await this.#tellChange(proposal.proposalId, proposal.status, networkId, (count) =>
        accounts.map((account) => this.#event(account, at, proposalDetail(networkId, proposal), count)),
      );
    }
    for (const invitation of state.invitations.values()) {
      if (this.#isTold(invitation.invitationId, invitation.status)) continue;
      await this.#tellChange(invitation.invitationId, invitation.status, networkId, (count) => [
        this.#event(invitation.accountId, at, invitationDetail(state, invitation), count),
      ]);
    }
  }

  /** What a network that is seen for the first time has behind it is no news. */
  async #begin({ networkId, proposals, invitations }: GovernanceState): Promise<void> {
    const old = [
      ...[...proposals.values()].map(({ proposalId, status }) => [proposalId, status] as const),
      ...[...invitations.values()].map(({ invitationId, status }) => [invitationId, status] as const),
    ];
    const rows = old.map(([id, status]) => put("told", id, { networkId, status, count: 1 }));
    await this.#rows.write(put("told", networkId, { networkId, status: "SEEN", count: 1 }), ...rows);
  }

  #isTold(id: string, status: string): boolean {
    return this.#rows.get("told", id)?.status === status;
  }

  async #tellChange(
    id: string,
    status: string,
    networkId: string,
    events: (count: number) => readonly BlockchainEvent[],
  ): Promise<void> {
    const count = (this.#rows.get("told", id)?.count ?? 0) + 1;
    for (const event of events(count)) await Promise.all(this.#sinks.map((sink) => sink.deliver(event)));
    // After the delivery: a crash in between tells it twice, with the same id, rather than never.
    await this.#rows.write(put("told", id, { networkId, status, count }));
  }

  #event(account: string, at: number, detail: BlockchainEvent["detail"], count: number): BlockchainEvent {
    const { proposalId, invitationId, status } = detail;
    const kind = invitationId === undefined ? "Proposal" : "Invitation";
    return {
      version: "0",
      id: uuidOf(`${account} ${proposalId ?? invitationId} ${count} ${status}`),
      "detail-type": `Managed Blockchain ${kind} State Change`,
      source: "aws.managedblockchain",
      account,
      time: new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z"),
      region: this.#region,
      resources: [],
      detail,
    };
  }
}

function proposalDetail(networkId: string, proposal: Proposal): BlockchainEvent["detail"] {
  const { proposalId, status, proposedBy, description } = proposal;
  return {
    proposalId,
    networkId,
    status,
    proposedByMemberId: proposedBy.memberId,
    proposedByMemberName: proposedBy.name,
    expirationDate: new Date(proposal.expiresAt).toISOString(),
    description,
    message: `Proposal ${proposalId} of ${proposedBy.name} is ${status}.`,
  };
}

function invitationDetail({ networkId, name }: GovernanceState, invitation: Invitation): BlockchainEvent["detail"] {
  const { invitationId, status, expiresAt } = invitation;
  return {
    invitationId,
    networkId,
    networkName: name,
    status,
    expirationDate: new Date(expiresAt).toISOString(),
    message: `The invitation to network ${name} is ${status}.`,
  };
}

function isThere({ status }: { readonly status: string }): boolean {
  return status !== "left" && status !== "failed";
}

/** A name-based UUID (version 8: its bits are a SHA-256). */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
