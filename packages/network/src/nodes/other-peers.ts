import { connectPeer, type OtherPeer, type PeerConnection } from "@hansa/peer";
import { readIdentityFile } from "../identity/material.js";
import type { Neighbours } from "./neighbours.js";
import type { OtherPeerSpec } from "./specs.js";

/**
 * The network's other peers, as the launcher names them: a network under one launcher needs no gossip to find them.
 * They come and go while this peer runs.
 */
export class OtherPeers {
  readonly #neighbours: Neighbours | undefined;
  readonly #known = new Map<string, OtherPeer>();

  constructor(neighbours: Neighbours | undefined) {
    this.#neighbours = neighbours;
  }

  /**
   * Those of the given organisations, each with a connection that is kept. One that has not joined the channel says so
   * when asked, and another is asked.
   */
  of(mspIds: readonly string[]): OtherPeer[] {
    return [...this.#known.values()].filter(({ mspId }) => mspIds.includes(mspId));
  }

  /** Connects to those that are new and hangs up on those that are gone. @throws HansaError MISSING_IDENTITY */
  async follow(specs: readonly OtherPeerSpec[]): Promise<void> {
    const wanted = new Map<string, { spec: OtherPeerSpec; rootPem: string }>();
    await Promise.all(
      specs.map(async (spec) => {
        const rootPem = await readIdentityFile(spec.tlsRootFile);
        // An organisation that comes back has another root.
        wanted.set(JSON.stringify([spec.mspId, spec.address, spec.host, rootPem]), { spec, rootPem });
      }),
    );
    for (const [key, { connection }] of this.#known) {
      if (wanted.has(key)) continue;
      this.#known.delete(key);
      connection.close();
    }
    for (const [key, { spec, rootPem }] of wanted)
      if (!this.#known.has(key)) this.#known.set(key, this.#connect(spec, rootPem));
  }

  close(): void {
    for (const { connection } of this.#known.values()) connection.close();
    this.#known.clear();
  }

  #connect({ mspId, address, host }: OtherPeerSpec, rootPem: string): OtherPeer {
    const connection = connectPeer(address, { rootPems: [rootPem], serverName: host });
    const kept: PeerConnection = {
      processProposal: (proposal, limits) => {
        const neighbour = this.#neighbours?.peer(address);
        if (neighbour === undefined) return connection.processProposal(proposal, limits);
        return neighbour.endorseLocal(proposal, limits.signal);
      },
      pushPrivate: (writes, limits) => connection.pushPrivate(writes, limits),
      pullPrivate: (question, limits) => connection.pullPrivate(question, limits),
      exchangeMembership: (question, limits) => {
        const neighbour = this.#neighbours?.peer(address);
        return neighbour?.exchangeMembership(question) ?? connection.exchangeMembership(question, limits);
      },
      close: () => connection.close(),
    };
    return { mspId, address, connection: kept };
  }
}
