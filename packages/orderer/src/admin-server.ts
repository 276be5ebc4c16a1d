/** The HTTPS port for administrators: reads bounded requests, calls the API, writes its answer. */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import type { OrdererConfig } from "./config.js";
import type { Api } from "./participation.js";

type AdminConfig = NonNullable<OrdererConfig["admin"]> & { readonly maxRequestBytes: number };

const REQUEST_TIMEOUT_MS = 30_000;

export class AdminServer {
  readonly #config: AdminConfig;
  readonly #server: Server;

  constructor(config: AdminConfig, api: Api, logger: Logger) {
    this.#config = config;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => {
      serve(request, response, api, config.maxRequestBytes).catch((error: unknown) => {
        logger.error("participation request failed", { path: request.url, error: messageOf(error) });
        if (response.headersSent) response.destroy();
        else response.writeHead(500, { "Content-Type": "application/json" }).end('{"error":"internal error"}\n');
      });
    };
    const { tls } = config;
    this.#server =
      tls === undefined
        ? createHttpServer(onRequest)
        : createHttpsServer(
            {
              cert: tls.certPem,
              key: tls.keyPem,
              ca: [...tls.clientCaPems],
              requestCert: true,
              rejectUnauthorized: true,
              minVersion: "TLSv1.2",
              // Nothing is negotiated, as in Go without HTTP/2: who offers other versions only is served all the same.
              ALPNProtocols: [],
            },
            onRequest,
          );
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /** @throws HansaError PORT_IN_USE or LISTEN_FAILED */
  async listen(): Promise<{ address: string; port: number; url: string }> {
    const { address } = this.#config;
    const split = address.lastIndexOf(":");
    const host = address.slice(0, split);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        const inUse = error.code === "EADDRINUSE";
        const message = inUse
          ? `${address} is in use by another process`
          : `cannot listen on ${address}: ${error.message}`;
        const nextStep = inUse
          ? "Stop that process, or choose another port; port 0 takes a free one."
          : "Check that the host name belongs to this machine and that the port is allowed.";
        reject(new HansaError(inUse ? "PORT_IN_USE" : "LISTEN_FAILED", message, { cause: error, nextStep }));
      });
      this.#server.listen({ host, port: Number(address.slice(split + 1)) }, resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    const scheme = this.#config.tls === undefined ? "http" : "https";
    return { address: `${host}:${port}`, port, url: `${scheme}://${host}:${port}` };
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, api: Api, maxBytes: number): Promise<void> {
  const body = await readBody(request, maxBytes);
  const answer = await api({
    method: request.method ?? "GET",
    target: request.url ?? "/",
    accept: request.headersDistinct.accept?.[0],
    contentTypes: request.headersDistinct["content-type"] ?? [],
    requestId: request.headersDistinct["x-request-id"]?.[0],
    body,
  });
  // Lest the answer come in chunks. HEAD hears how long it would be; 204 must not say.
  const length = answer.status === 204 ? {} : { "Content-Length": Buffer.byteLength(answer.body) };
  response.writeHead(answer.status, { ...answer.headers, ...length });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

/** Undefined when it is larger than allowed; the rest is then left unread and the connection not used again. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
