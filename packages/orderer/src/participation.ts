/**
 * The channel participation API that `osnadmin` speaks, as a function from request to answer.
 * Source: hyperledger/fabric, orderer/common/channelparticipation/restapi.go.
 */
import { checkChannelId, readConfigUpdate } from "@hansa/channel-config";
import { goJson, requestIdOf } from "@hansa/operations";
import { lastConfigNumber, readBroadcast } from "@hansa/ordering";
import { HansaError, messageOf } from "@hansa/primitives";
import { CANNOT_PARSE, common, decode, HeaderType, Status, splitBlock } from "@hansa/wire";
import type { OrderedChannel } from "./channel.js";
import type { Outcome } from "./engine.js";
import { parseForm, readMediaType } from "./multipart.js";
import { ParticipationError, type ParticipationFault, type Registrar } from "./registrar.js";
import { readPath } from "./request-path.js";

export type ApiRequest = {
  readonly method: string;
  /** Path and query as the client wrote them. */
  readonly target: string;
  /** Of headers that came more than once, the first; of Content-Type, all. */
  readonly accept: string | undefined;
  readonly contentTypes: readonly string[];
  readonly requestId: string | undefined;
  /** Undefined when it was larger than the server takes. */
  readonly body: Buffer | undefined;
};

export type ApiAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
};

export type Api = (request: ApiRequest) => Promise<ApiAnswer>;

const BASE = "/participation/v1/";
const CHANNELS = `${BASE}channels`;
const NO_STORE = { "Cache-Control": "no-store" };
const TEXT = { "Content-Type": "text/plain; charset=utf-8" };
const NOT_FOUND: ApiAnswer = {
  status: 404,
  headers: { ...TEXT, "X-Content-Type-Options": "nosniff" },
  body: "404 page not found\n",
};

class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly allow?: string,
  ) {
    super(message);
  }
}

export function participationApi(registrar: Registrar): Api {
  return async (request) => {
    const target = readPath(request.target, BASE);
    if (target.kind === "malformed")
      return { status: 400, headers: { ...TEXT, Connection: "close" }, body: "400 Bad Request" };
    if (target.kind === "elsewhere") return redirect(301, target.location, request.method);
    if (!target.path.startsWith(BASE)) return NOT_FOUND;
    const { status, headers, body } = await answer(registrar, request, target.path);
    return { status, headers: { ...headers, "X-Request-Id": requestIdOf(request.requestId) }, body };
  };
}

async function answer(registrar: Registrar, request: ApiRequest, path: string): Promise<ApiAnswer> {
  try {
    return await route(registrar, request, path);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const headers: Record<string, string> = error.allow === undefined ? {} : { Allow: error.allow };
    return json(error.status, { error: error.message }, headers);
  }
}

async function route(registrar: Registrar, request: ApiRequest, path: string): Promise<ApiAnswer> {
  const { method } = request;
  if (path === BASE) return method === "GET" ? redirect(302, CHANNELS, method) : { status: 405, headers: {}, body: "" };
  if (path === CHANNELS) {
    if (method === "GET") return list(registrar, request);
    if (method === "POST") return join(registrar, request);
    if (method === "PUT") return update(registrar, request);
    throw notAllowed(method, "GET, POST, PUT");
  }
  const [id, blocks, blockId, ...rest] = path.startsWith(`${CHANNELS}/`)
    ? path.slice(CHANNELS.length + 1).split("/")
    : [];
  if (id !== undefined && id !== "" && blocks === undefined) {
    if (method === "GET") return info(registrar, request, id);
    if (method === "DELETE") return remove(registrar, request, id);
    throw notAllowed(method, "GET, DELETE");
  }
  if (id && blocks === "blocks" && blockId && rest.length === 0) {
    if (method === "GET") return fetchBlock(registrar, request, id, blockId);
    throw notAllowed(method, "GET");
  }
  return NOT_FOUND;
}

function list(registrar: Registrar, request: ApiRequest): ApiAnswer {
  negotiate(request);
  const channels = registrar.names().map((name) => ({ name, url: urlOf(name) }));
  return json(200, { systemChannel: null, channels: channels.length === 0 ? null : channels }, NO_STORE);
}

function info(registrar: Registrar, request: ApiRequest, id: string): ApiAnswer {
  negotiate(request);
  const name = channelIdOf(id);
  const channel = registrar.get(name);
  if (channel !== undefined) return json(200, infoOf(channel), NO_STORE);
  if (!registrar.isBeingRemoved(name)) throw new ApiError(404, "channel does not exist");
  const removed = { name, url: urlOf(name), consensusRelation: "consenter", status: "inactive", height: 0 };
  return json(200, removed, NO_STORE);
}

async function join(registrar: Registrar, request: ApiRequest): Promise<ApiAnswer> {
  requireForm(request);
  negotiate(request);
  const block = formFile(request, "config-block");
  try {
    common.Block.decode(block);
  } catch {
    throw new ApiError(400, `cannot unmarshal file part config-block into a block: ${CANNOT_PARSE}`);
  }
  try {
    const channel = await registrar.join(block);
    return json(201, infoOf(channel), { Location: urlOf(channel.channelId) });
  } catch (error) {
    if (!(error instanceof ParticipationError)) throw error;
    if (error.fault === "INVALID_BLOCK") throw new ApiError(400, error.message);
    const allow = error.fault === "EXISTS" ? "GET, DELETE" : undefined;
    throw new ApiError(JOIN_STATUS[error.fault], `cannot join: ${error.message}`, allow);
  }
}

const JOIN_STATUS: Record<ParticipationFault, number> = {
  INVALID_BLOCK: 400,
  EXISTS: 405,
  NOT_FOUND: 400,
  PENDING_REMOVAL: 409,
  REFUSED: 400,
};

async function update(registrar: Registrar, request: ApiRequest): Promise<ApiAnswer> {
  requireForm(request);
  negotiate(request);
  const envelope = formFile(request, "config-update-envelope");
  const channelId = updatedChannel(envelope);
  if (registrar.isBeingRemoved(channelId)) throw new ApiError(409, "cannot update: channel pending removal");
  const channel = registrar.get(channelId);
  if (channel === undefined) throw new ApiError(405, "cannot update: channel does not exist");
  const outcome = await submit(channel, envelope);
  if (outcome.status !== Status.SUCCESS) {
    throw new ApiError(400, `cannot update: failed update config of channel ${channelId}: ${outcome.info}`);
  }
  return json(201, infoOf(channel), { Location: urlOf(channelId) });
}

function submit(channel: OrderedChannel, envelope: Uint8Array): Promise<Outcome> {
  const message = readBroadcast(envelope);
  if (message.kind === "rejected") return Promise.resolve(message);
  return new Promise((resolve) => channel.submit(message, resolve));
}

function updatedChannel(envelope: Uint8Array): string {
  const invalid = (reason: string) => new ApiError(400, `invalid config update envelope: ${reason}`);
  try {
    const message = readBroadcast(envelope);
    if (message.kind === "rejected") throw invalid("bad header");
    if (message.type !== HeaderType.CONFIG_UPDATE) throw invalid("bad type");
    if (message.channelId === "") throw invalid("empty channel id");
    const { configUpdate } = readConfigUpdate(envelope);
    return decode(common.ConfigUpdate, configUpdate, "common.ConfigUpdate").channelId;
  } catch (error) {
    if (error instanceof HansaError) throw invalid(error.message);
    throw error;
  }
}

async function remove(registrar: Registrar, request: ApiRequest, id: string): Promise<ApiAnswer> {
  negotiate(request);
  try {
    await registrar.remove(channelIdOf(id));
    return { status: 204, headers: {}, body: "" };
  } catch (error) {
    if (!(error instanceof ParticipationError)) throw error;
    const status = error.fault === "NOT_FOUND" ? 404 : error.fault === "PENDING_REMOVAL" ? 409 : 400;
    throw new ApiError(status, `cannot remove: ${error.message}`);
  }
}

async function fetchBlock(registrar: Registrar, request: ApiRequest, id: string, blockId: string): Promise<ApiAnswer> {
  negotiate(request);
  const name = channelIdOf(id);
  if (!["newest", "oldest", "config"].includes(blockId) && !/^[+-]?\d+$/.test(blockId)) {
    throw new ApiError(400, `invalid block ID: '${blockId}' not equal <newest|oldest|config|(number)>`);
  }
  if (registrar.isBeingRemoved(name)) throw new ApiError(404, "channel pending removal");
  const channel = registrar.get(name);
  if (channel === undefined) throw new ApiError(404, "channel does not exist");
  const newest = channel.height - 1;
  const number = async () => {
    if (blockId === "newest") return newest;
    if (blockId === "oldest") return 0;
    if (blockId === "config") return Number(lastConfigNumber(splitBlock(await channel.block(newest))));
    return Number(blockId);
  };
  try {
    const body = await channel.block(await number());
    return { status: 200, headers: { ...NO_STORE, "Content-Type": "application/octet-stream" }, body };
  } catch (error) {
    if (error instanceof HansaError) throw new ApiError(404, error.message);
    throw error;
  }
}

function infoOf(channel: OrderedChannel) {
  const { channelId: name, height, isFailed } = channel;
  const status = isFailed ? "failed" : "active";
  return { name, url: urlOf(name), consensusRelation: "consenter", status, height };
}

const urlOf = (name: string) => `${CHANNELS}/${name}`;

function channelIdOf(name: string): string {
  try {
    checkChannelId(name);
    return name;
  } catch (error) {
    throw new ApiError(400, `invalid channel ID: ${messageOf(error)}`);
  }
}

function negotiate({ accept }: ApiRequest): void {
  if (accept === undefined || accept === "") return;
  const taken = ["application/json", "application/*", "*/*"];
  if (accept.split(",").some((option) => taken.some((type) => option.includes(type)))) return;
  throw new ApiError(406, "response Content-Type is application/json only");
}

function requireForm({ contentTypes }: ApiRequest): void {
  // Fabric's pattern is "multipart/form-data*", whose star belongs to the last letter.
  if (contentTypes.some((type) => type.includes("multipart/form-dat"))) return;
  throw new ApiError(400, `unsupported Content-Type: [${contentTypes.join(" ")}]`);
}

function formFile({ contentTypes, body }: ApiRequest, key: string): Uint8Array {
  const type = readMediaType(contentTypes[0] ?? "");
  if (typeof type === "string") throw new ApiError(400, `cannot parse Mime media type: ${type}`);
  const cannotRead = (reason: string) => new ApiError(400, `cannot read form from request body: ${reason}`);
  const boundary = type.parameters.get("boundary");
  if (!boundary) throw cannotRead("multipart: boundary is empty");
  if (body === undefined) throw cannotRead("http: request body too large");
  const parts = parseForm(body, boundary);
  if (typeof parts === "string") throw cannotRead(parts);
  const file = parts.find(({ name, isFile }) => isFile && name === key);
  if (file === undefined) throw new ApiError(400, `form does not contains part key: ${key}`);
  // Of several files by the same name the first counts.
  if (parts.some(({ name, isFile }) => !isFile || name !== key))
    throw new ApiError(400, "form contains too many parts");
  return file.content;
}

function notAllowed(method: string, allow: string): ApiError {
  return new ApiError(405, `invalid request method: ${method}`, allow);
}

function json(status: number, content: unknown, headers: Readonly<Record<string, string>> = {}): ApiAnswer {
  return { status, headers: { ...headers, "Content-Type": "application/json" }, body: `${goJson(content)}\n` };
}

/** Source: golang.org, net/http (Redirect): a page to read for GET, its type for HEAD, nothing for others. */
function redirect(status: 301 | 302, location: string, method: string): ApiAnswer {
  const type = { "Content-Type": "text/html; charset=utf-8" };
  const headers = { Location: location, ...(method === "GET" || method === "HEAD" ? type : {}) };
  const text = status === 301 ? "Moved Permanently" : "Found";
  const href = location.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
  return { status, headers, body: "Content-Type" in headers ? `<a href="${href}">${text}</a>.\n\n` : "" };
}
