/** One request, from its first byte to its answer. The order of the checks is the service's: who, then where, then what. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { GovernanceRefusal } from "@hansa/governance";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import { Context, type World } from "../api/context.js";
import type { Tokens } from "../api/tokens.js";
import type { Authenticator } from "../auth/authenticate.js";
import { ApiError, fromRefusal } from "../errors.js";
import { isObject } from "../input/schema.js";
import type { Work } from "../work/work.js";
import { newRequestId, sendAnswer, sendError } from "./answer.js";
import { type Routed, readQuery, route } from "./routes.js";

/** The largest request of the service has 50 tags of 384 characters; four bytes each, and room to spare. */
export const MAX_BODY_BYTES = 256 * 1024;
const MAX_NESTING = 32;

export class Handler {
  readonly #world: World;
  readonly #tokens: Tokens;
  readonly #work: Work;
  readonly #authenticator: Authenticator;
  readonly #logger: Logger;

  constructor(world: World, tokens: Tokens, work: Work, authenticator: Authenticator, logger: Logger) {
    this.#world = world;
    this.#tokens = tokens;
    this.#work = work;
    this.#authenticator = authenticator;
    this.#logger = logger;
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = newRequestId();
    const began = performance.now();
    let operation = "?";
    try {
      const { method = "GET", url: target = "/", rawHeaders } = request;
      // Before the body is read, so that strangers cannot make us read much.
      const claims = this.#authenticator.claims(target, rawHeaders);
      const body = await readBody(request);
      const caller = this.#authenticator.verify(claims, { method, target, rawHeaders, body });
      const routed = route(method, target);
      operation = routed.operation.name;
      const context = new Context(this.#world, this.#tokens, this.#work, caller);
      sendAnswer(response, requestId, await routed.operation.run(context, membersOf(routed, body)));
      const tookMs = Math.round(performance.now() - began);
      const level = method === "GET" ? "debug" : "info";
      this.#logger[level]("answered", { operation, accountId: caller.accountId, requestId, tookMs });
    } catch (error) {
      const refusal = this.#refusalOf(error, operation, requestId);
      if (!request.complete) response.setHeader("connection", "close");
      sendError(response, requestId, refusal);
      const { name, message } = refusal;
      this.#logger.debug("refused", { operation, error: name, text: message, requestId });
    }
  }

  /** What the network could not do says why; what we did not foresee goes into the log only. */
  #refusalOf(error: unknown, operation: string, requestId: string): ApiError {
    if (error instanceof ApiError) return error;
    if (error instanceof GovernanceRefusal) return fromRefusal(error, false);
    this.#logger.error("request failed", { operation, requestId, error: messageOf(error) });
    const known = error instanceof HansaError ? [error.message, error.nextStep].filter(Boolean).join(" ") : undefined;
    return new ApiError(
      "InternalServiceErrorException",
      known ?? `Something went wrong; the control plane's log has it under request ${requestId}.`,
    );
  }
}

function membersOf({ operation, labels, query }: Routed, body: Buffer): Readonly<Record<string, unknown>> {
  const takesBody = operation.method === "POST" || operation.method === "PATCH";
  const given = takesBody ? readJson(body) : readQuery(query, operation.lists);
  // Routes of old clients have the member in the path; it is a body member of the same name otherwise.
  const member = takesBody && labels.memberId !== undefined ? { MemberId: labels.memberId } : {};
  return { ...given, ...member, ...labels };
}

function readJson(body: Buffer): Record<string, unknown> {
  // An operation whose members are all optional, or in the path, may come without a body.
  if (body.length === 0) return {};
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const value: unknown = JSON.parse(text);
    if (isObject(value) && depthOf(value) <= MAX_NESTING) return value;
  } catch {
    // Told below, like every body that is not an object.
  }
  throw new ApiError("BadRequestException", "Invalid request body");
}

function depthOf(value: unknown): number {
  let depth = 0;
  let level: unknown[] = [value];
  while (level.length > 0 && depth <= MAX_NESTING) {
    depth += 1;
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return depth;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () =>
    new ApiError("RequestEntityTooLargeException", `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("close", () => reject(new ApiError("BadRequestException", "The connection ended within the request.")));
  });
}
