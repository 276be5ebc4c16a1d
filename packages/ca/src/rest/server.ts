/** The HTTPS port of fabric-ca's API: bounded requests in, envelopes out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { HansaError } from "@hansa/primitives";
import { Code, envelope, RestError, reasonOf } from "./answers.js";
import type { Office } from "./office.js";
import { answer } from "./routes.js";

const MAX_BODY_BYTES = 1024 * 1024;
/** A token holds a whole certificate, with as many attributes as an identity may have. */
const MAX_HEADER_BYTES = 256 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 1024;
/** As with the gRPC service: each request may hold a slow hash or an fsync. */
const MAX_CONCURRENT_REQUESTS = 256;

export class RestServer {
  readonly #office: Office;
  readonly #server: Server;
  #underWay = 0;

  constructor(office: Office, tls: { certPem: string; keyPem: string }) {
    this.#office = office;
    this.#server = createServer(
      {
        cert: tls.certPem,
        key: tls.keyPem,
        minVersion: "TLSv1.2",
        handshakeTimeout: REQUEST_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        requestTimeout: REQUEST_TIMEOUT_MS,
      },
      (request, response) => {
        this.#serve(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws HansaError PORT_IN_USE or LISTEN_FAILED */
  async listen(address: string): Promise<{ address: string; port: number }> {
    const split = address.lastIndexOf(":");
    const host = address.slice(0, split);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        reject(
          cause.code === "EADDRINUSE"
            ? new HansaError("PORT_IN_USE", `${address} is in use by another process`, {
                cause,
                nextStep: "Stop that process, or choose another port; port 0 takes a free one.",
              })
            : new HansaError("LISTEN_FAILED", `cannot listen on ${address}: ${cause.message}`, {
                cause,
                nextStep: "Check that the host name belongs to this machine and that the port is allowed.",
              }),
        );
      });
      this.#server.listen({ host, port: Number(address.slice(split + 1)) }, resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    return { address: `${host}:${port}`, port };
  }

  /** Lets requests under way finish for as long as `graceMs`. */
  async stop({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const { logger } = this.#office;
    const path = url.split("?", 1)[0]?.slice(0, 200);
    this.#underWay++;
    try {
      if (this.#underWay > MAX_CONCURRENT_REQUESTS)
        throw new RestError(503, Code.unknown, "too many requests at once; try again");
      const body = await readBody(request);
      const given = { method, uri: url, authorization: headers.authorization ?? "", body };
      const { status, result, headers: more } = await answer(given, this.#office);
      write(response, method, status, envelope({ result }), more);
    } catch (error) {
      if (error instanceof RestError) {
        logger.warn("request refused", { method, path, status: error.status, code: error.code, reason: error.reason });
        write(response, method, error.status, envelope({ error }));
      } else {
        logger.error("request failed", { method, path, error: reasonOf(error) });
        const told = { code: Code.unknown, message: "internal error; the CA's log says more" };
        write(response, method, 500, envelope({ error: told }));
      }
    } finally {
      this.#underWay--;
    }
  }
}

/** @throws RestError 413; the rest is then left unread */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new RestError(413, Code.readingReqBody, `Failed reading request body: more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function write(
  response: ServerResponse,
  method: string,
  status: number,
  body: string,
  more: Readonly<Record<string, string>> = {},
): void {
  if (response.destroyed) return;
  const bytes = method === "HEAD" ? 0 : Buffer.byteLength(body);
  // A request that was not read to its end cannot be followed by another on the same connection.
  if (!response.req.complete) response.setHeader("Connection", "close");
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": bytes, ...more });
  response.end(method === "HEAD" ? undefined : body);
}
