/** The snapshots of one peer: asking for them, and joining a channel by one. */
import { randomBytes } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SigningIdentity } from "@hansa/msp";
import { fromUtf8, HansaError, messageOf } from "@hansa/primitives";
import { decode, encode, HeaderType, protos, services, toLong, toNumber } from "@hansa/wire";
import { evaluate, type Target, unary } from "../client/admin-client.js";
import { readIdentity, userFiles } from "../identity/material.js";
import type { PlannedNode } from "../plan/plan.js";
import type { NetworkView } from "./network-view.js";

const POLL_MS = 100;
const CALL_TIMEOUT_MS = 60_000;
const JOIN_TIMEOUT_MS = 600_000;

export class PeerSnapshots {
  readonly #view: NetworkView;
  readonly #node: PlannedNode;

  /** @throws HansaError UNKNOWN_NODE */
  constructor(view: NetworkView, id: string) {
    const peers = view.plan.nodes.filter(({ kind }) => kind === "peer");
    const node = peers.find((each) => each.id === id || each.host === id);
    if (node === undefined) {
      throw new HansaError("UNKNOWN_NODE", `Network ${view.name} has no peer "${id}".`, {
        nextStep: `Use one of: ${peers.map((each) => each.id).join(", ")}.`,
      });
    }
    this.#view = view;
    this.#node = node;
  }

  get id(): string {
    return this.#node.id;
  }

  /** Where a peer of this machine writes the snapshot of a channel at a block. */
  folder(channelId: string, blockNumber: number): string {
    return path.join(this.#view.layout.node(this.#node.id), "snapshots/completed", channelId, String(blockNumber));
  }

  /** @param blockNumber 0 for the last block @throws HansaError UNKNOWN_CHANNEL, SNAPSHOT_REFUSED with the peer's reason */
  async submit(channelId: string, blockNumber: number): Promise<void> {
    await this.#ask("Generate", (signatureHeader) =>
      encode(protos.SnapshotRequest, { signatureHeader, channelId, blockNumber: toLong(blockNumber) }),
    );
  }

  /** @throws HansaError UNKNOWN_CHANNEL, SNAPSHOT_REFUSED with the peer's reason */
  async cancel(channelId: string, blockNumber: number): Promise<void> {
    await this.#ask("Cancel", (signatureHeader) =>
      encode(protos.SnapshotRequest, { signatureHeader, channelId, blockNumber: toLong(blockNumber) }),
    );
  }

  /** Numbers of the blocks at which snapshots are still to be written. @throws HansaError UNKNOWN_CHANNEL */
  async pending(channelId: string): Promise<number[]> {
    const answer = await this.#ask("QueryPendings", (signatureHeader) =>
      encode(protos.SnapshotQuery, { signatureHeader, channelId }),
    );
    const { blockNumbers } = decode(
      protos.QueryPendingSnapshotsResponse,
      answer,
      "protos.QueryPendingSnapshotsResponse",
    );
    return blockNumbers.map(toNumber);
  }

  /**
   * Joins the channel of a snapshot in a folder that the peer can read, and waits until it has.
   * @returns the channel's id
   * @throws HansaError ENDORSEMENT_REFUSED with the peer's reason, SNAPSHOT_MISSING, JOIN_FAILED, TIMED_OUT
   */
  async join(folder: string): Promise<string> {
    const { readSnapshotMetadata } = await import("@hansa/peer/offline");
    const { channelId } = await readSnapshotMetadata(folder).catch((cause: unknown) => {
      throw new HansaError("SNAPSHOT_MISSING", `${folder} holds no snapshot: ${messageOf(cause)}.`, {
        cause,
        nextStep: "Name the folder that a peer wrote: <peer>/snapshots/completed/<channel>/<block>.",
      });
    });
    const { peer, admin } = await this.#peer();
    const call = (name: string, ...args: Uint8Array[]) =>
      evaluate(peer, admin, {
        channelId: "",
        chaincode: "cscc",
        args: [fromUtf8(name), ...args],
        headerType: HeaderType.ENDORSER_TRANSACTION,
      });
    await call("JoinChainBySnapshot", fromUtf8(folder));
    for (const deadline = Date.now() + JOIN_TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_MS)) {
      const status = decode(protos.JoinBySnapshotStatus, await call("JoinBySnapshotStatus"), "JoinBySnapshotStatus");
      if (status.inProgress) continue;
      const joined = decode(protos.ChannelQueryResponse, await call("GetChannels"), "protos.ChannelQueryResponse");
      if (joined.channels.some((each) => each.channelId === channelId)) return channelId;
      throw new HansaError("JOIN_FAILED", `${this.id} has not joined ${channelId} by the snapshot in ${folder}.`, {
        nextStep: `Its log says why: hansa logs ${this.id}`,
      });
    }
    throw new HansaError("TIMED_OUT", `${this.id} is still reading the snapshot in ${folder}.`);
  }

  async #ask(
    method: "Generate" | "Cancel" | "QueryPendings",
    encoded: (signatureHeader: { creator: Uint8Array; nonce: Uint8Array }) => Uint8Array,
  ): Promise<Uint8Array> {
    const { peer, admin } = await this.#peer();
    const request = encoded({ creator: admin.serialized, nonce: randomBytes(24) });
    const signed = encode(protos.SignedSnapshotRequest, { request, signature: admin.sign(request) });
    return unary(peer, services.Snapshot.methods[method], signed, { timeoutMs: CALL_TIMEOUT_MS }).catch(
      (error: unknown) => {
        if (!(error instanceof HansaError) || error.code !== "ENDORSEMENT_REFUSED") throw error;
        const code = error.message.includes("cannot find ledger") ? "UNKNOWN_CHANNEL" : "SNAPSHOT_REFUSED";
        throw new HansaError(code, error.message, { cause: error });
      },
    );
  }

  async #peer(): Promise<{ peer: Target; admin: SigningIdentity }> {
    const { organization } = this.#node;
    const files = userFiles(this.#view.layout, organization, "Admin");
    return { peer: this.#view.target(this.#node), admin: await readIdentity(organization.mspId, files) };
  }
}
