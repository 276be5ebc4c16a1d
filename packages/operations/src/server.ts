/**
 * A node's operations endpoints: /healthz, /metrics, /logspec, /version.
 *
 * Answers, statuses and the rule who may ask are Fabric's: over TLS, metrics and log levels are for holders of a client
 * certificate, health and version for all.
 * Source: hyperledger/fabric, core/operations/system.go, common/fabhttp/server.go, core/middleware.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import type { OperationsConfig } from "./config.js";
import { checkHealth, type HealthCheck } from "./health.js";
import { goJson, requestIdOf } from "./http-answers.js";
import { readSpec } from "./log-spec-request.js";
import type { Metrics } from "./metrics.js";
import { processMetricsText } from "./process-metrics.js";
import { HANSA_VERSION } from "./version.js";

export type OperationsParts = {
  readonly metrics: Metrics;
  /** By the names of the node's parts. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly logger: Logger;
};

/** `isLast` when the connection cannot be used again. */
type Answer = { readonly status: number; readonly type?: string; readonly body?: string; readonly isLast?: boolean };
type Endpoint = {
  readonly isOpen: boolean;
  readonly answer: (method: string, request: IncomingMessage) => Promise<Answer> | Answer;
};

const JSON_TYPE = "application/json";
/** Source: hyperledger/fabric, common/fabhttp/server.go. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 200;

export class OperationsServer {
  readonly #config: OperationsConfig;
  readonly #logger: Logger;
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #server: Server;

  constructor(config: OperationsConfig, parts: OperationsParts) {
    this.#config = config;
    this.#logger = parts.logger.child({ logger: "operations.runner" });
    this.#endpoints = endpointsOf(config, parts);
    const { tls } = config;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.#server =
      tls === undefined
        ? createHttpServer(onRequest)
        : createHttpsServer(
            {
              cert: tls.certPem,
              key: tls.keyPem,
              // Without roots Node takes the system's whole store; nobody's certificate is to be believed then.
              ca: tls.clientCaPems?.length ? [...tls.clientCaPems] : [tls.certPem],
              requestCert: true,
              rejectUnauthorized: tls.clientAuthRequired ?? false,
              minVersion: "TLSv1.2",
              // Nothing is negotiated, as in Go without HTTP/2: who offers other versions only is served all the same.
              ALPNProtocols: [],
            },
            onRequest,
          );
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws HansaError PORT_IN_USE or LISTEN_FAILED */
  async listen(): Promise<{ address: string; url: string }> {
    const { listenAddress, tls } = this.#config;
    const split = listenAddress.lastIndexOf(":");
    const host = listenAddress.slice(0, split).replace(/^\[(.*)\]$/, "$1");
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(listenAddress, error)));
      // Go's ":9443" means every interface.
      this.#server.listen({ ...(host === "" ? {} : { host }), port: Number(listenAddress.slice(split + 1)) }, resolve);
    });
    this.#server.on("error", (error) => this.#logger.warn("operations endpoint", { error: messageOf(error) }));
    const { port } = this.#server.address() as AddressInfo;
    const address = `${listenAddress.slice(0, split)}:${port}`;
    const url = `${tls === undefined ? "http" : "https"}://${address.startsWith(":") ? "localhost" : ""}${address}`;
    this.#logger.info("operations endpoints ready", { address });
    return { address, url };
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, type, body = "", isLast } = await this.#answer(request, response);
      if (isLast) response.setHeader("Connection", "close");
      if (type !== undefined) response.setHeader("Content-Type", type);
      response.setHeader("Content-Length", Buffer.byteLength(body));
      response.writeHead(status).end(request.method === "HEAD" ? undefined : body);
    } catch (error) {
      this.#logger.error("operations request failed", { path: request.url, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    const endpoint = this.#endpoints.get(path);
    if (endpoint === undefined) {
      response.setHeader("X-Content-Type-Options", "nosniff");
      return { status: 404, type: "text/plain; charset=utf-8", body: "404 page not found\n" };
    }
    const { method = "GET" } = request;
    if (!endpoint.isOpen && (request.socket as TLSSocket).authorized !== true) {
      this.#logger.warn(
        "Client request not authorized, client must pass a valid client certificate for this operation",
        { URL: path, Method: method, RemoteAddr: request.socket.remoteAddress },
      );
      return { status: 401 };
    }
    response.setHeader("X-Request-Id", requestIdOf(request.headers["x-request-id"]));
    return endpoint.answer(method, request);
  }
}

function endpointsOf(config: OperationsConfig, { metrics, checks }: OperationsParts): Map<string, Endpoint> {
  const isPlain = config.tls === undefined;
  metrics
    .gauge({ name: "fabric_version", help: "The active version of Fabric.", labels: ["version"] })
    .with(HANSA_VERSION)
    .set(1);
  const endpoints = new Map<string, Endpoint>([
    ["/healthz", { isOpen: true, answer: (method) => health(method, checks) }],
    ["/version", { isOpen: true, answer: version }],
  ]);
  if (config.metrics !== "disabled") {
    const answer = async () => ({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
      body: metrics.text() + (await processMetricsText()).replaceAll("\n\n", "\n"),
    });
    endpoints.set("/metrics", { isOpen: isPlain, answer });
  }
  const { logging } = config;
  if (logging !== undefined) {
    logMetrics(metrics, logging);
    const answer: Endpoint["answer"] = (method, request) => logSpec(method, request, logging);
    endpoints.set("/logspec", { isOpen: isPlain, answer });
  }
  return endpoints;
}

async function health(method: string, checks: OperationsParts["checks"]): Promise<Answer> {
  if (method !== "GET") return { status: 405 };
  const report = await checkHealth(checks);
  if (report === undefined) return { status: 408 };
  return { status: report.status === "OK" ? 200 : 503, type: JSON_TYPE, body: goJson(report) };
}

function version(method: string): Answer {
  if (method !== "GET") return { status: 400, type: JSON_TYPE, body: goJson({ Error: invalidMethod(method) }) };
  return { status: 200, type: JSON_TYPE, body: goJson({ CommitSHA: "hansa", Version: HANSA_VERSION }) };
}

async function logSpec(
  method: string,
  request: IncomingMessage,
  logging: NonNullable<OperationsConfig["logging"]>,
): Promise<Answer> {
  const refuse = (error: string) => ({ status: 400, type: JSON_TYPE, body: `${goJson({ error })}\n` });
  if (method === "GET") return { status: 200, type: JSON_TYPE, body: `${goJson({ spec: logging.spec() })}\n` };
  if (method !== "PUT") return refuse(invalidMethod(method));
  const body = await readBody(request);
  if (body === undefined) return { ...refuse(`the request is larger than ${MAX_BODY_BYTES} bytes`), isLast: true };
  try {
    logging.activate(readSpec(body));
  } catch (error) {
    return refuse(messageOf(error));
  }
  return { status: 204 };
}

function logMetrics(metrics: Metrics, { counts }: NonNullable<OperationsConfig["logging"]>): void {
  const labels = ["level"];
  const checked = metrics.counter({
    name: "logging_entries_checked",
    help: "Number of log entries checked against the active logging level",
    labels,
  });
  const written = metrics.counter({
    name: "logging_entries_written",
    help: "Number of log entries that are written",
    labels,
  });
  metrics.onCollect(() => {
    for (const [level, count] of Object.entries(counts)) {
      if (count.checked > 0) checked.with(level).value = count.checked;
      if (count.written > 0) written.with(level).value = count.written;
    }
  });
}

/** Undefined when it is larger than allowed; the rest is then left unread. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else {
        request.pause();
        resolve(undefined);
      }
    });
    request.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.on("error", reject);
  });
}

const invalidMethod = (method: string) => `invalid request method: ${method}`;

function listenError(address: string, error: NodeJS.ErrnoException): HansaError {
  if (error.code === "EADDRINUSE")
    return new HansaError("PORT_IN_USE", `${address}, for the operations endpoints, is in use by another process`, {
      cause: error,
      nextStep: "Stop that process, or choose another port; port 0 takes a free one.",
    });
  return new HansaError("LISTEN_FAILED", `cannot listen on ${address}: ${error.message}`, {
    cause: error,
    nextStep: "Check that the host name belongs to this machine and that the port is allowed.",
  });
}
