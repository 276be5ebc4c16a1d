/** The orderer's channel participation API, as `osnadmin` speaks it. */
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { orderersOf } from "../client/serving-orderer.js";
import type { NetworkView } from "../library/network-view.js";
import type { PlannedNode } from "../plan/plan.js";

const TIMEOUT_MS = 15_000;
/** How long the other orderers are waited for when one has answered. */
const OTHERS_WITHIN_MS = 1_000;
const CHANNELS = "/participation/v1/channels";

/** What an orderer says of one of its channels. */
export type OrdererChannel = {
  readonly name: string;
  readonly status: string;
  readonly consensusRelation: string;
  /** count of blocks */
  readonly height: number;
};

/**
 * The channels that the orderers which are up have, by name, and which of them have each, in the network's order.
 * @throws HansaError NODE_UNREACHABLE when none is up
 */
export async function channelHolders(view: NetworkView): Promise<ReadonlyMap<string, readonly PlannedNode[]>> {
  const answers = new Map<PlannedNode, readonly string[]>();
  const orderers = orderersOf(view);
  const asked = orderers.map(async (orderer) => {
    answers.set(orderer, await channelNamesAt(view, orderer));
  });
  const enough = new AbortController();
  // One that hangs is not waited for when another has answered.
  const late = Promise.any(asked).then(() => pause(OTHERS_WITHIN_MS, undefined, { signal: enough.signal }));
  const all = Promise.allSettled(asked);
  await Promise.race([all, late.catch(() => all)]);
  enough.abort();
  if (answers.size === 0) await asked[0];
  const names = [...new Set([...answers.values()].flat())].sort();
  return new Map(names.map((name) => [name, orderers.filter((orderer) => answers.get(orderer)?.includes(name))]));
}

/** Names of the channels that the orderers which are up have. @throws HansaError NODE_UNREACHABLE when none is */
export async function orderedChannelNames(view: NetworkView): Promise<string[]> {
  return [...(await channelHolders(view)).keys()];
}

/** Names of the channels that one orderer has. @throws HansaError NODE_UNREACHABLE */
export async function channelNamesAt(view: NetworkView, orderer: PlannedNode): Promise<string[]> {
  const answer = await ask(view, orderer, "GET", CHANNELS, [200]);
  return ((answer as { channels: readonly { name: string }[] | null }).channels ?? []).map(({ name }) => name).sort();
}

/** @throws HansaError UNKNOWN_CHANNEL, NODE_UNREACHABLE */
export async function ordererChannel(
  view: NetworkView,
  channel: string,
  orderer: PlannedNode,
): Promise<OrdererChannel> {
  return (await ask(view, orderer, "GET", `${CHANNELS}/${encodeURIComponent(channel)}`, [200])) as OrdererChannel;
}

/**
 * Has an orderer take up a channel.
 * @param block bytes of its genesis block
 * @throws HansaError ORDERING_REFUSED with the orderer's reason, NODE_UNREACHABLE
 */
export async function joinOrderer(view: NetworkView, block: Uint8Array, orderer: PlannedNode): Promise<OrdererChannel> {
  const form = new FormData();
  form.append("config-block", new Blob([new Uint8Array(block)]), "config.block");
  const encoded = new Response(form);
  const body = Buffer.from(await encoded.arrayBuffer());
  const contentType = encoded.headers.get("content-type") ?? "";
  return (await ask(view, orderer, "POST", CHANNELS, [201], { body, contentType })) as OrdererChannel;
}

/** Has an orderer give up a channel, with its blocks. @throws HansaError UNKNOWN_CHANNEL, ORDERING_REFUSED, … */
export async function leaveOrderer(view: NetworkView, channel: string, orderer: PlannedNode): Promise<void> {
  await ask(view, orderer, "DELETE", `${CHANNELS}/${encodeURIComponent(channel)}`, [204]);
}

type Sent = { readonly body: Buffer; readonly contentType: string };

async function ask(
  view: NetworkView,
  orderer: PlannedNode,
  method: string,
  url: string,
  expected: readonly number[],
  sent?: Sent,
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
