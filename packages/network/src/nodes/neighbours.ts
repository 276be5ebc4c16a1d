import type { RunningOrderer } from "@hansa/orderer";
import type { RunningPeer } from "@hansa/peer";

type OrdererDoor = Pick<RunningOrderer, "broadcast" | "deliver">;
type PeerDoor = Pick<RunningPeer, "endorseLocal" | "exchangeMembership">;

/**
 * The nodes of one network that share a process. They reach each other by plain calls: the same bytes, the same checks,
 * no connection in between. Looked up anew at each call, because a node may stop and come back.
 */
export class Neighbours {
  readonly #orderers = new Map<string, OrdererDoor>();
  readonly #peers = new Map<string, PeerDoor>();

  /** Returns how to take it out again. */
  addOrderer(address: string, orderer: OrdererDoor): () => void {
    this.#orderers.set(address, orderer);
    return () => this.#orderers.delete(address);
  }

  /** Returns how to take it out again. */
  addPeer(address: string, peer: PeerDoor): () => void {
    this.#peers.set(address, peer);
    return () => this.#peers.delete(address);
  }

  orderer(address: string): OrdererDoor | undefined {
    return this.#orderers.get(address);
  }

  peer(address: string): PeerDoor | undefined {
    return this.#peers.get(address);
  }
}
