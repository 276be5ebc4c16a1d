/**
 * What goes on after a create or a delete was answered. Every piece of work is found again from its row, so whatever
 * was under way when the process ended is taken up at the next start. Each can be done twice without harm.
 */
import { GovernanceRefusal } from "@hansa/governance";
import { HansaError, type Logger } from "@hansa/primitives";
import type { Jobs } from "../jobs.js";
import type { MemberRow, NetworkRow, NodeRow, RowStore } from "../model/rows.js";
import { put } from "../model/rows.js";
import type { JoiningMember, LogTarget, NetworkOperator, OperatedNetwork } from "../operator.js";
import type { Secrets } from "../store/secrets.js";

export class Work {
  readonly #operator: NetworkOperator;
  readonly #rows: RowStore;
  readonly #secrets: Secrets;
  readonly #jobs: Jobs;
  readonly #region: string;
  readonly #logger: Logger;
  /** Ids of members and nodes whose switches are being set. */
  readonly #updating = new Set<string>();

  constructor(operator: NetworkOperator, rows: RowStore, secrets: Secrets, jobs: Jobs, region: string, logger: Logger) {
    this.#operator = operator;
    this.#rows = rows;
    this.#secrets = secrets;
    this.#jobs = jobs;
    this.#region = region;
    this.#logger = logger;
  }

  /** Keeps an administrator's password until the member is made. Called before the member's row is written. */
  keepPassword(memberId: string, password: string): void {
    this.#secrets.keep(memberId, password);
  }

  isUpdating(id: string): boolean {
    return this.#updating.has(id);
  }

  /** Takes up what the rows say is not done. */
  resume(): void {
    const networks = this.#rows.all("network");
    for (const row of networks.values()) if (row.state === "creating") this.makeNetwork(row.networkId);
    const open = new Set<string>();
    for (const row of this.#rows.all("member").values()) {
      if (row.state === "creating") open.add(row.memberId);
      if (row.state === "creating" && row.invitationId !== undefined) this.makeMember(row.memberId);
      if (row.state === "joined" && row.caLogs) this.setMemberLogs(row.memberId);
    }
    for (const row of this.#rows.all("node").values()) {
      if (row.state === "creating") this.makeNode(row.nodeId);
      if (row.state === "deleting") this.removeNode(row.nodeId);
      if (row.state === "ready" && (row.peerLogs || row.chaincodeLogs)) this.setNodeLogs(row.nodeId);
    }
    for (const memberId of this.#secrets.memberIds()) if (!open.has(memberId)) this.#secrets.forget(memberId);
  }

  makeNetwork(networkId: string): void {
    const give = async (reason: string) => {
      const row = this.#rows.get("network", networkId);
      const member = row && this.#rows.get("member", row.firstMemberId);
      if (row === undefined || member === undefined) return;
      await this.#rows.write(
        put("network", networkId, { ...row, state: "failed", reason }),
        put("member", member.memberId, { ...member, state: "failed", reason }),
      );
      this.#secrets.forget(member.memberId);
    };
    this.#jobs.run(`network ${networkId}`, () => this.#makeNetwork(networkId), give);
  }

  makeMember(memberId: string): void {
    const give = async (reason: string) => {
      const row = this.#rows.get("member", memberId);
      const network = row && this.#operator.network(row.networkId);
      // It may have been ordered although no answer came.
      const isIn = network?.governance.members.has(memberId) ?? false;
      await this.#rows.patch("member", memberId, isIn ? { state: "joined" } : { state: "failed", reason });
      this.#secrets.forget(memberId);
      if (!isIn) await network?.discardMember(memberId);
    };
    this.#jobs.run(`member ${memberId}`, () => this.#makeMember(memberId), give);
  }

  makeNode(nodeId: string): void {
    const give = async (reason: string) => {
      await this.#rows.patch("node", nodeId, { state: "failed", reason });
      const row = this.#rows.get("node", nodeId);
      if (row !== undefined) await this.#operator.network(row.networkId)?.deleteNode(nodeId);
    };
    this.#jobs.run(`node ${nodeId}`, () => this.#makeNode(nodeId), give);
  }

  removeNode(nodeId: string): void {
    // What cannot be deleted stays DELETING and is tried again at the next start.
    const give = async () => {};
    this.#jobs.run(`node ${nodeId}`, () => this.#removeNode(nodeId), give);
  }

  setMemberLogs(memberId: string): void {
    const row = () => this.#rows.get("member", memberId);
    const targets = (member: MemberRow) => [{ target: { kind: "ca", memberId } as const, on: member.caLogs }];
    this.#setLogs(memberId, row, targets);
  }

  setNodeLogs(nodeId: string): void {
    const row = () => this.#rows.get("node", nodeId);
    const targets = (node: NodeRow) => [
      { target: { kind: "peer", nodeId } as const, on: node.peerLogs },
      { target: { kind: "chaincode", nodeId } as const, on: node.chaincodeLogs },
    ];
    this.#setLogs(nodeId, row, targets);
  }

  async #makeNetwork(networkId: string): Promise<void> {
    const row = this.#rows.get("network", networkId);
    const member = row && this.#rows.get("member", row.firstMemberId);
    if (row?.state !== "creating" || member === undefined) return;
    await this.#operator.create({ ...foundingOf(row, this.#joining(member)), region: this.#region });
    await this.#rows.write(
      put("network", networkId, { ...row, state: "ready" }),
      put("member", member.memberId, { ...member, state: "joined" }),
    );
    this.#secrets.forget(member.memberId);
    if (member.caLogs) this.setMemberLogs(member.memberId);
  }

  async #makeMember(memberId: string): Promise<void> {
    const row = this.#rows.get("member", memberId);
    if (row?.state !== "creating" || row.invitationId === undefined) return;
    const network = await this.#appears(row.networkId);
    if (!network.governance.members.has(memberId)) {
      const joining = this.#joining(row);
      const member = await network.prepareMember(joining);
      try {
        await network.submit({ kind: "invitationAccepted", invitationId: row.invitationId, member });
      } catch (error) {
        // It may have been ordered although the answer was lost; then a second try is refused.
        if (!(error instanceof GovernanceRefusal) || !network.governance.members.has(memberId)) throw error;
      }
    }
    await this.#rows.write(put("member", memberId, { ...row, state: "joined" }));
    this.#secrets.forget(memberId);
    if (row.caLogs) this.setMemberLogs(memberId);
  }

  async #makeNode(nodeId: string): Promise<void> {
    const row = this.#rows.get("node", nodeId);
    if (row?.state !== "creating") return;
    const { networkId, memberId } = row;
    const network = await this.#appears(networkId);
    await network.createNode({ nodeId, memberId, region: this.#region });
    const made = this.#rows.get("node", nodeId);
    if (made?.state !== "creating") return;
    await this.#rows.write(put("node", nodeId, { ...made, state: "ready" }));
    if (made.peerLogs || made.chaincodeLogs) this.setNodeLogs(nodeId);
  }

  async #removeNode(nodeId: string): Promise<void> {
    const row = this.#rows.get("node", nodeId);
    if (row?.state !== "deleting") return;
    const network = this.#operator.network(row.networkId);
    await network?.deleteNode(nodeId);
    const deletedAt = row.deletedAt ?? network?.now();
    await this.#rows.write(put("node", nodeId, { ...row, state: "deleted", deletedAt }));
  }

  #setLogs<Row extends { readonly networkId: string; readonly memberId: string }>(
    id: string,
    find: () => Row | undefined,
    targetsOf: (row: Row) => readonly { readonly target: LogTarget; readonly on: boolean }[],
  ): void {
    this.#updating.add(id);
    const done = () => this.#updating.delete(id);
    const work = async () => {
      const row = find();
      if (row !== undefined) {
        const network = await this.#appears(row.networkId);
        // Of one that left there is no log any more.
        const { status } = network.governance.members.get(row.memberId) ?? {};
        if (status !== "active" && status !== "joining") return void done();
        for (const { target, on } of targetsOf(row)) await network.setLogging(target, on);
      }
      done();
    };
    this.#jobs.run(`logs ${id}`, work, async (reason) => {
      this.#logger.warn("cannot set log publishing", { id, error: reason });
      done();
    });
  }

  #joining(row: MemberRow): JoiningMember {
    const { memberId, name, description, accountId, adminUsername } = row;
    const adminPassword = this.#secrets.find(memberId);
    if (adminUsername === undefined || adminPassword === undefined)
      throw new HansaError("PASSWORD_LOST", `the administrator's password of member ${memberId} is gone`);
    return { memberId, name, description, accountId, adminUsername, adminPassword };
  }

  /** Networks are found one after the other when everything starts at once. */
  #appears(networkId: string): Promise<OperatedNetwork> {
    const there = this.#operator.network(networkId);
    if (there !== undefined) return Promise.resolve(there);
    const { stopped } = this.#jobs;
    return new Promise((resolve, reject) => {
      const look = () => {
        const network = this.#operator.network(networkId);
        if (network === undefined && !stopped.aborted) return;
        unwatch();
        stopped.removeEventListener("abort", look);
        if (network === undefined) reject(new HansaError("STOPPED", "the control plane stops"));
        else resolve(network);
      };
      const unwatch = this.#operator.onChange(look);
      stopped.addEventListener("abort", look);
    });
  }
}

function foundingOf(row: NetworkRow, member: JoiningMember) {
  const { networkId, name, description, frameworkVersion, edition, policy, memberLimit, simulatedClock } = row;
  return { networkId, name, description, frameworkVersion, edition, policy, memberLimit, simulatedClock, member };
}
