/**
 * Closed-loop load on any Fabric Gateway, in a process of its own, with the public client library alone.
 *
 * Signing goes through OpenSSL: the library's own JavaScript signer costs twenty times as much and would measure
 * itself. Latency is from before the proposal is signed until the commit status VALID (or the result) is known.
 *
 * Run as a child process: it takes a LoadOrder as its first message, answers LoadReady, waits for "go" and answers
 * one LoadReport.
 */
import { createPrivateKey, sign } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import type { Contract } from "@hyperledger/fabric-gateway";
import { connect, hash } from "@hyperledger/fabric-gateway";
import { lowS } from "./low-s.js";

export type Workload = "create" | "update" | "evaluate";

export type LoadOrder = {
  readonly endpoint: string;
  readonly tlsRootPem: string;
  readonly serverName?: string;
  readonly mspId: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly channel: string;
  readonly contract: string;
  readonly workload: Workload;
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Prefix of the keys; `update` and `evaluate` cycle through the first `keys` of them. */
  readonly prefix: string;
  readonly keys: number;
};

export type LoadReport = {
  readonly ok: number;
  /** All that succeeded, warm-up included. */
  readonly okInAll: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly perSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly clientCpuMsPerCall: number;
};

const CALL_TIMEOUT_MS = 30_000;
const VALUE_BYTES = 100;

function openContract(order: LoadOrder): { contract: Contract; close: () => void } {
  const client = new grpc.Client(
    order.endpoint,
    grpc.credentials.createSsl(Buffer.from(order.tlsRootPem)),
    order.serverName === undefined ? {} : { "grpc.ssl_target_name_override": order.serverName },
  );
  const privateKey = createPrivateKey(order.privateKeyPem);
  const deadline = () => ({ deadline: Date.now() + CALL_TIMEOUT_MS });
  const gateway = connect({
    client,
    identity: { mspId: order.mspId, credentials: Buffer.from(order.certificatePem) },
    signer: async (message) => lowS(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
    hash: hash.none,
    evaluateOptions: deadline,
    endorseOptions: deadline,
    submitOptions: deadline,
    commitStatusOptions: deadline,
  });
  const close = () => {
    gateway.close();
    client.close();
  };
  return { contract: gateway.getNetwork(order.channel).getContract(order.contract), close };
}

async function callOnce(contract: Contract, workload: Workload, key: string): Promise<string | undefined> {
  try {
    if (workload === "evaluate") {
      await contract.evaluateTransaction("read", key);
    } else {
      const commit = await contract.submitAsync(workload, { arguments: [key, key.padEnd(VALUE_BYTES, "x")] });
      const status = await commit.getStatus();
      if (!status.successful) return `code ${status.code}`;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

export function quantile(ascending: Float64Array, share: number): number {
  const at = Math.min(ascending.length - 1, Math.ceil(share * ascending.length) - 1);
  return Number((ascending[Math.max(0, at)] ?? Number.NaN).toFixed(2));
}

async function run(order: LoadOrder, contract: Contract): Promise<LoadReport> {
  const startAt = performance.now() + order.warmUpMs;
  const endAt = startAt + order.measuredMs;
  const latencies: number[] = [];
  const failed: Record<string, number> = {};
  let issued = 0;
  let okInAll = 0;
  const nextKey = () => {
    const n = issued++;
    return `${order.prefix}${order.workload === "create" ? n : n % order.keys}`;
  };
  const caller = async () => {
    while (performance.now() < endAt) {
      const begin = performance.now();
      const failure = await callOnce(contract, order.workload, nextKey());
      const end = performance.now();
      if (failure === undefined) okInAll++;
      if (end < startAt || end > endAt) continue;
      if (failure === undefined) latencies.push(end - begin);
      else failed[failure] = (failed[failure] ?? 0) + 1;
    }
  };
  let cpuAtStart = process.cpuUsage();
  setTimeout(() => {
    cpuAtStart = process.cpuUsage();
  }, order.warmUpMs);
  const callers = Promise.all(Array.from({ length: order.inFlight }, caller));
  await new Promise((resolve) => setTimeout(resolve, order.warmUpMs + order.measuredMs));
  const cpu = process.cpuUsage(cpuAtStart);
  await callers;
  const sorted = Float64Array.from(latencies).sort();
  return {
    ok: latencies.length,
    okInAll,
    failed,
    perSecond: Number(((latencies.length * 1000) / order.measuredMs).toFixed(1)),
    latencyMs: { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99) },
    clientCpuMsPerCall: Number(((cpu.user + cpu.system) / 1000 / Math.max(1, latencies.length)).toFixed(3)),
  };
}

process.once("message", async (order: LoadOrder) => {
  const { contract, close } = openContract(order);
  process.once("message", async () => {
    const report = await run(order, contract);
    close();
    process.send?.(report, () => process.disconnect());
  });
  process.send?.("ready");
});
