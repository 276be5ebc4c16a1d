/**
 * Watches the state of proposals and invitations and tells every change once per account that it concerns: an
 * invitation to the invited, a proposal to every member's account. Expiry comes without an act, so a timer looks when
 * the next one is due by the network's clock. What was told last is kept, so what changes while nobody looks is told at
 * the next start.
 */
import { createHash } from "node:crypto";
import { type GovernanceState, nextExpiry } from "@hansa/governance";
import { type Logger, messageOf } from "@hansa/primitives";
import { stateAsOf } from "../model/network-view.js";
import { put, type RowStore } from "../model/rows.js";
import type { NetworkOperator, OperatedNetwork } from "../operator.js";
import type { BlockchainEvent, EventSink } from "./sinks.js";

/** Clocks can be moved, so nobody sleeps longer than this. */
const LONGEST_SLEEP_MS = 60_000;

type Status = { readonly id: string; readonly status: string; readonly events: (count: number) => BlockchainEvent[] };

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
    for (const { id, status, events } of this.#statuses(state, at)) {
      const told = this.#rows.get("told", id);
      if (told?.status === status) continue;
      const count = (told?.count ?? 0) + 1;
      for (const event of events(count)) await Promise.all(this.#sinks.map((sink) => sink.deliver(event)));
      // After the delivery: a crash in between tells it twice, with the same id, rather than never.
      await this.#rows.write(put("told", id, { networkId: state.networkId, status, count }));
    }
  }

  #statuses(state: GovernanceState, at: number): Status[] {
    const { networkId, name } = state;
    const accounts = [...new Set([...state.members.values()].filter(isThere).map(({ accountId }) => accountId))];
    const proposals = [...state.proposals.values()].map(({ proposalId, status, ...proposal }): Status => {
      const detail = {
        proposalId,
        networkId,
        status,
        proposedByMemberId: proposal.proposedBy.memberId,
        proposedByMemberName: proposal.proposedBy.name,
        expirationDate: new Date(proposal.expiresAt).toISOString(),
        description: proposal.description,
        message: `Proposal ${proposalId} of ${proposal.proposedBy.name} is ${status}.`,
      };
      const type = "Managed Blockchain Proposal State Change";
      return {
        id: proposalId,
        status,
        events: (count) => accounts.map((account) => this.#event(type, account, at, detail, count)),
      };
    });
    const invitations = [...state.invitations.values()].map(
      ({ invitationId, status, accountId, expiresAt }): Status => {
        const detail = {
          invitationId,
          networkId,
          networkName: name,
          status,
          expirationDate: new Date(expiresAt).toISOString(),
          message: `The invitation to network ${name} is ${status}.`,
        };
        const type = "Managed Blockchain Invitation State Change";
        return { id: invitationId, status, events: (count) => [this.#event(type, accountId, at, detail, count)] };
      },
    );
    return [...proposals, ...invitations];
  }

  #event(
    type: BlockchainEvent["detail-type"],
    account: string,
    at: number,
    detail: BlockchainEvent["detail"],
    count: number,
  ): BlockchainEvent {
    const subject = detail.proposalId ?? detail.invitationId;
    return {
      version: "0",
      id: uuidOf(`${account} ${subject} ${count} ${detail.status}`),
      "detail-type": type,
      source: "aws.managedblockchain",
      account,
      time: new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z"),
      region: this.#region,
      resources: [],
      detail,
    };
  }
}

function isThere({ status }: { readonly status: string }): boolean {
  return status !== "left" && status !== "failed";
}

/** A name-based UUID (version 8: its bits are a SHA-256). */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
