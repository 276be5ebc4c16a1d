/**
 * Whose client certificates a server takes: those that its own settings name, and those of the organisations on its
 * channels, which come and go while it runs. New connections are held to what is known then.
 * Source: hyperledger/fabric, core/peer/peer.go (updateTrustedRoots) and orderer/common/server/main.go (caManager).
 */
import type { RpcServer, TlsServer } from "./server.js";

export class ClientRoots {
  readonly #own: readonly string[];
  readonly #byChannel = new Map<string, readonly string[]>();
  #server: Pick<RpcServer, "trustClients"> | undefined;

  /** @param tls of a server that asks for client certificates */
  constructor(tls: TlsServer) {
    this.#own = tls.clientCaPems ?? [];
  }

  /** What a channel's configuration names now, as PEM. */
  set(channelId: string, rootPems: readonly string[]): void {
    const before = this.#byChannel.get(channelId);
    if (before !== undefined && before.join() === rootPems.join()) return;
    this.#byChannel.set(channelId, rootPems);
    this.#apply();
  }

  /** Once the server listens. */
  attach(server: Pick<RpcServer, "trustClients">): void {
    this.#server = server;
    this.#apply();
  }

  #apply(): void {
    this.#server?.trustClients([...new Set([...this.#own, ...[...this.#byChannel.values()].flat()])]);
  }
}
