/** The ports: HTTP and HTTPS, with limits on everything that a client can make large or slow. */
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { HansaError } from "@hansa/primitives";
import type { Listener } from "../config.js";

const LIMITS = {
  connectionsCheckingInterval: 5_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  maxHeaderSize: 16 * 1024,
};
const MAX_CONNECTIONS = 1_000;
/** Nothing we do before an answer takes this long. */
const SOCKET_TIMEOUT_MS = 120_000;

export type Listening = { readonly address: string; readonly port: number; readonly url: string };

export class Port {
  readonly #server: Server;
  readonly #listener: Listener;

  constructor(listener: Listener, onRequest: RequestListener) {
    this.#listener = listener;
    const { tls } = listener;
    this.#server =
      tls === undefined
        ? createHttpServer(LIMITS, onRequest)
        : createHttpsServer({ ...LIMITS, cert: tls.certPem, key: tls.keyPem, minVersion: "TLSv1.2" }, onRequest);
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.timeout = SOCKET_TIMEOUT_MS;
  }

  /** @throws HansaError PORT_IN_USE or LISTEN_FAILED */
  async listen(): Promise<Listening> {
    const { address, tls } = this.#listener;
    const colon = address.lastIndexOf(":");
    const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    const port = Number(address.slice(colon + 1));
    if (colon < 1 || !Number.isInteger(port) || port < 0 || port > 65_535)
      throw new HansaError("LISTEN_FAILED", `"${address}" is not an address`, { nextStep: "Write it as host:port." });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(address, error)));
      this.#server.listen({ host, port }, resolve);
    });
    const actual = (this.#server.address() as AddressInfo).port;
    const shown = `${address.slice(0, colon)}:${actual}`;
    return { address: shown, port: actual, url: `${tls === undefined ? "http" : "https"}://${shown}` };
  }

  /** Requests under way are answered first, for a moment. */
  async stop(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => this.#server.closeAllConnections(), graceMs);
      this.#server.close(() => {
        clearTimeout(late);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }
}

function listenError(address: string, error: NodeJS.ErrnoException): HansaError {
  if (error.code === "EADDRINUSE")
    return new HansaError("PORT_IN_USE", `${address} is in use by another process`, {
      cause: error,
      nextStep: "Stop that process, or choose another port; port 0 takes a free one.",
    });
  return new HansaError("LISTEN_FAILED", `cannot listen on ${address}: ${error.message}`, {
    cause: error,
    nextStep: "Check that the host name belongs to this machine and that the port is allowed.",
  });
}
