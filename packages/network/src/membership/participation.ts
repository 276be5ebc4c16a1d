/** The orderer's channel participation API, as `osnadmin` speaks it. */
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import path from "node:path";
import { HansaError, messageOf } from "@hansa/primitives";
import { orderersOf } from "../client/serving-orderer.js";
import type { NetworkView } from "../library/network-view.js";
import type { PlannedNode } from "../plan/plan.js";

const TIMEOUT_MS = 15_000;
const CHANNELS = "/participation/v1/channels";

/** What an orderer says of one of its channels. */
export type OrdererChannel = {
  readonly name: string;
  readonly status: string;
  readonly consensusRelation: string;
  /** count of blocks */
  readonly height: number;
};

/** Names of the channels that the orderers which are up have. @throws HansaError NODE_UNREACHABLE when none is */
export async function orderedChannelNames(view: NetworkView): Promise<string[]> {
  const answers = await Promise.allSettled(orderersOf(view).map((orderer) => channelNamesAt(view, orderer)));
  const names = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  if (names.length > 0) return [...new Set(names.flat())].sort();
  throw (answers[0] as PromiseRejectedResult).reason;
}

/** Names of the channels that one orderer has. @throws HansaError NODE_UNREACHABLE */
export async function channelNamesAt(view: NetworkView, orderer: PlannedNode): Promise<string[]> {
  const answer = await ask(view, "GET", CHANNELS, [200], { orderer });
  return ((answer as { channels: readonly { name: string }[] | null }).channels ?? []).map(({ name }) => name).sort();
}

/** @throws HansaError UNKNOWN_CHANNEL, NODE_UNREACHABLE */
export async function ordererChannel(view: NetworkView, channel: string): Promise<OrdererChannel> {
  return (await ask(view, "GET", `${CHANNELS}/${encodeURIComponent(channel)}`, [200])) as OrdererChannel;
}

/**
 * Has an orderer take up a channel; the first unless given.
 * @param block bytes of its genesis block
 * @throws HansaError ORDERING_REFUSED with the orderer's reason, NODE_UNREACHABLE
 */
export async function joinOrderer(
  view: NetworkView,
  block: Uint8Array,
  orderer?: PlannedNode,
): Promise<OrdererChannel> {
  const form = new FormData();
  form.append("config-block", new Blob([new Uint8Array(block)]), "config.block");
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer());
  const contentType = encoded.headers.get("content-type") ?? "";
  return (await ask(view, "POST", CHANNELS, [201], { sent: { body, contentType }, orderer })) as OrdererChannel;
}

/** Has an orderer give up a channel, with its blocks; the first unless given. @throws HansaError UNKNOWN_CHANNEL, ORDERING_REFUSED, … */
export async function leaveOrderer(view: NetworkView, channel: string, orderer?: PlannedNode): Promise<void> {
  await ask(view, "DELETE", `${CHANNELS}/${encodeURIComponent(channel)}`, [204], { orderer });
}

type Sent = { readonly body: Buffer; readonly contentType: string };

async function ask(
  view: NetworkView,
  method: string,
  url: string,
  expected: readonly number[],
  { sent, orderer = orderersOf(view)[0]! }: { sent?: Sent; orderer?: PlannedNode | undefined } = {},
): Promise<unknown> {
  const { adminPort } = view.state.ports[orderer.id]!;
  const folder = path.join(view.layout.nodeIdentity("orderer", orderer.organization.domain, orderer.host), "tls");
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "server.crt", "server.key"].map((name) => readFile(path.join(folder, name), "utf8")),
  );
  const host = { host: "127.0.0.1", port: adminPort, path: url, servername: orderer.host, agent: false };
  const headers = sent === undefined ? {} : { "Content-Type": sent.contentType, "Content-Length": sent.body.length };
  const options = { ...host, method, headers, ca, cert, key, timeout: TIMEOUT_MS };
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const call = request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8").trim() }),
      );
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on("error", reject);
    call.end(sent?.body);
  }).catch((cause: Error) => {
    throw new HansaError("NODE_UNREACHABLE", `${orderer.id} does not speak of its channels: ${messageOf(cause)}.`, {
      cause,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  });
  if (expected.includes(status)) return text === "" ? undefined : JSON.parse(text);
  if (status === 404) throw new HansaError("UNKNOWN_CHANNEL", `${orderer.id} refuses: ${reasonIn(text)}.`);
  throw new HansaError("ORDERING_REFUSED", `${orderer.id} refuses: ${reasonIn(text)} (status ${status}).`);
}

function reasonIn(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? text;
  } catch {
    return text;
  }
}
