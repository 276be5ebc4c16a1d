/** What goes wrong with NATS servers, in words that say what to do. */
import { HansaError, messageOf } from "@hansa/primitives";
import type { JetStreamSettings } from "./settings.js";

/** Error codes of the JetStream API. Source: nats-io/nats-server, server/errors.json. */
const STREAM_NOT_FOUND = 10_059;
const NOT_ENABLED = new Set([10_039, 10_076]);
const NO_PLACE_FOR_REPLICAS = new Set([10_005, 10_074]);
const NO_SPACE = new Set([10_002, 10_023, 10_028, 10_047, 10_077, 10_122]);
const NO_LEADER = new Set([10_008, 10_009]);

export function isNotFound(error: unknown): boolean {
  return codeOf(error) === STREAM_NOT_FOUND;
}

/** The error in words; as it is when there are none. */
export function natsError(error: unknown, { servers }: Pick<JetStreamSettings, "servers">): Error {
  if (error instanceof HansaError) return error;
  const code = codeOf(error);
  const text = textOf(error);
  const at = servers.join(", ");
  const named = (name: string, message: string, nextStep: string) =>
    new HansaError(name, message, { cause: error, nextStep });
  if (typeof code === "number") {
    if (NOT_ENABLED.has(code)) {
      return named("STREAM_REFUSED", `JetStream is off at ${at}: ${text}`, "give the servers a jetstream { } block");
    }
    if (NO_PLACE_FOR_REPLICAS.has(code)) {
      const nextStep = "start as many NATS servers as a stream has replicas, with room on their disks";
      return named("STREAM_REFUSED", `the NATS servers cannot place the stream: ${text}`, nextStep);
    }
    if (NO_SPACE.has(code)) {
      const nextStep = "give the NATS servers room, or raise max_bytes and max_msgs of the stream or max_file_store";
      return named("STREAM_FULL", `the NATS servers have no room: ${text}`, nextStep);
    }
    if (NO_LEADER.has(code)) {
      const nextStep = "start the NATS servers: more than half of them must be up";
      return named("STREAM_AWAY", `JetStream has no leader: ${text}`, nextStep);
    }
    return named("STREAM_REFUSED", `the NATS servers refuse: ${text} (${code})`, "see the NATS servers' logs");
  }
  if (/authorization|authentication|permissions? violation|nonce/i.test(text)) {
    const nextStep = "compare ordering.credentials with the users in the NATS servers' files";
    return named("STREAM_REFUSED", `the NATS servers at ${at} do not let this node in: ${text}`, nextStep);
  }
  if (/certificate|tls|ssl|handshake|altname|self.signed/i.test(text)) {
    const nextStep = "compare ordering.tls with the certificates of the NATS servers";
    return named("STREAM_REFUSED", `no TLS connection to the NATS servers at ${at}: ${text}`, nextStep);
  }
  if (/refused|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/i.test(text)) {
    const nextStep = "start the NATS servers, or correct ordering.servers";
    return named("STREAM_AWAY", `no NATS server answers at ${at}: ${text}`, nextStep);
  }
  if (/timeout|no responders|503|closed|disconnect/i.test(text)) {
    const nextStep = "more than half of the NATS servers must be up, with JetStream on";
    return named("STREAM_AWAY", `the stream's servers do not answer: ${text}`, nextStep);
  }
  return error instanceof Error ? error : new Error(text);
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** With its causes: the clients' own errors say little without them. */
function textOf(error: unknown): string {
  const texts: string[] = [];
  for (let each = error; each !== undefined && each !== null && texts.length < 4; ) {
    const text = messageOf(each).trim() || (each instanceof Error ? each.name : "");
    if (text !== "" && !texts.includes(text)) texts.push(text);
    each = each instanceof Error ? each.cause : undefined;
  }
  return texts.join(": ") || "no reason given";
}
