import { readFile } from "node:fs/promises";
import { request } from "node:https";
import path from "node:path";
import { HansaError, messageOf } from "@hansa/primitives";
import type { NetworkView } from "../library/network-view.js";

const TIMEOUT_MS = 15_000;

/** Names of the channels that the orderer has, by its channel participation API. @throws HansaError NODE_UNREACHABLE */
export async function orderedChannelNames(view: NetworkView): Promise<string[]> {
  const orderer = view.plan.nodes.find(({ kind }) => kind === "orderer")!;
  const { adminPort } = view.state.ports[orderer.id]!;
  const folder = path.join(view.layout.nodeIdentity("orderer", orderer.organization.domain, orderer.host), "tls");
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "server.crt", "server.key"].map((name) => readFile(path.join(folder, name), "utf8")),
  );
  const text = await new Promise<string>((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port: adminPort,
        path: "/participation/v1/channels",
        servername: orderer.host,
        ca,
        cert,
        key,
        timeout: TIMEOUT_MS,
        agent: false,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const body = Buffer.concat(chunks).toString("utf8");
          if (answer.statusCode === 200) resolve(body);
          else reject(new Error(`status ${answer.statusCode}: ${body.trim()}`));
        });
      },
    );
    call.on("timeout", () => call.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    call.on("error", reject);
    call.end();
  }).catch((cause: Error) => {
    throw new HansaError("NODE_UNREACHABLE", `${orderer.id} does not list its channels: ${messageOf(cause)}.`, {
      cause,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  });
  const { channels } = JSON.parse(text) as { channels: readonly { readonly name: string }[] | null };
  return (channels ?? []).map(({ name }) => name).sort();
}
