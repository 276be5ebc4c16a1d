/** Whether the ordering service still lets a user in, asked in Fabric's own messages, past every gateway. */
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { createSigningIdentity } from "@hansa/msp";
import { RpcClient } from "@hansa/transport";
import { common, decode, orderer, services } from "@hansa/wire";
import { envelope, seekEnvelope } from "../faults/forge.js";
import type { Via } from "./fabric-user.js";

const { Status } = common;

/** Fabric's names of the answers to a transaction that means nothing, and to a wish for the newest block. */
export async function ordererAnswers(env: Via, channelId: string): Promise<{ broadcast: string; deliver: string }> {
  const { MSP_ID, CERT_DIRECTORY_PATH, KEY_DIRECTORY_PATH, ORDERER_ADDRESS, ORDERER_HOST, ORDERER_CA } = env as Record<
    string,
    string
  >;
  const key = createPrivateKey(onlyFile(KEY_DIRECTORY_PATH!));
  const identity = createSigningIdentity(MSP_ID!, onlyFile(CERT_DIRECTORY_PATH!), key, null);
  const rpc = new RpcClient(ORDERER_ADDRESS!, {
    rootPems: [readFileSync(ORDERER_CA!, "utf8")],
    serverName: ORDERER_HOST!,
  });
  const { Broadcast, Deliver } = services.AtomicBroadcast.methods;
  try {
    const sent = await firstAnswer(rpc, Broadcast, envelope({ identity, channelId }));
    const sought = decode(
      orderer.DeliverResponse,
      await firstAnswer(rpc, Deliver, seekEnvelope({ identity, channelId })),
      "orderer.DeliverResponse",
    );
    return {
      broadcast: Status[decode(orderer.BroadcastResponse, sent, "orderer.BroadcastResponse").status ?? 0]!,
      deliver: sought.block ? "a block" : Status[sought.status ?? 0]!,
    };
  } finally {
    rpc.close();
  }
}

async function firstAnswer(
  rpc: RpcClient,
  method: Parameters<RpcClient["bidi"]>[0],
  request: Uint8Array,
): Promise<Uint8Array> {
  const call = rpc.bidi(method, { timeoutMs: 10_000 });
  try {
    await call.send(request);
    for await (const bytes of call.incoming) return bytes;
    throw new Error("the orderer ended the stream without an answer");
  } finally {
    call.close();
  }
}

function onlyFile(folder: string): string {
  const [name = ""] = readdirSync(folder);
  return readFileSync(path.join(folder, name), "utf8");
}
