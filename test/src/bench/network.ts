/**
 * The network bench. Prints one JSON document on stdout, progress on stderr.
 *
 *     npm run bench -- [--modes processes,processes-worker,processes-inside,jetstream,inline,inline-worker,inline-inside] [--workloads create,update,evaluate] [--in-flight 1,16,64,256]
 *                      [--seconds 8] [--warm-up 3]
 *
 * Two members with one peer each, TLS, both endorse; the load comes from one process of its own that uses the
 * public client library. CPU figures are the operating system's, so "servers" is everything but the client.
 */
import { fork } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Network, type StartOptions, startNetwork } from "@hansa/network";
import { repositoryRoot } from "../support/paths.js";
import { gains } from "./gains.js";
import type { LoadOrder, LoadReport, Workload } from "./load.js";
import { folderBytes, type ProcessUse, processTree } from "./processes.js";

const CHANNEL = "mychannel";
const CONTRACT = "bench";
const UPDATE_KEYS = 1_000;
/** Node compiles what runs often as it runs: the first few thousand transactions cost two to three times as much. */
const KEYS_AT_START = 4_000;
const NETWORK_FILE = path.join(repositoryRoot, "network-configs/two-members.yaml");
const CONTRACT_FOLDER = path.join(repositoryRoot, "test/contracts/bench");

type Settings = { modes: string[]; workloads: Workload[]; inFlight: number[]; seconds: number; warmUp: number };

function readSettings(): Settings {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((word) => word !== "--"),
    options: {
      modes: { type: "string", default: "processes,inline,inline-inside" },
      workloads: { type: "string", default: "create,update,evaluate" },
      "in-flight": { type: "string", default: "1,16,64,256" },
      seconds: { type: "string", default: "8" },
      "warm-up": { type: "string", default: "3" },
    },
  });
  return {
    modes: values.modes.split(","),
    workloads: values.workloads.split(",") as Workload[],
    inFlight: values["in-flight"].split(",").map(Number),
    seconds: Number(values.seconds),
    warmUp: Number(values["warm-up"]),
  };
}

const say = (text: string) => process.stderr.write(`${text}\n`);
const round = (value: number, digits = 2) => Number(value.toFixed(digits));

function onlyFile(folder: string): string {
  const [name] = readdirSync(folder);
  return readFileSync(path.join(folder, name ?? ""), "utf8");
}

function orderFor(network: Network, workload: Workload, inFlight: number, settings: Settings): LoadOrder {
  const member = network.members[0]!;
  const peer = member.peers[0]!;
  const msp = member.mspFolder(member.users[0]!);
  const cycling = workload === "create" ? `c${inFlight}-${Date.now().toString(36)}-` : "u-";
  return {
    endpoint: peer.address,
    serverName: peer.host,
    tlsRootPem: readFileSync(member.tlsRootFile, "utf8"),
    mspId: member.mspId,
    certificatePem: onlyFile(path.join(msp, "signcerts")),
    privateKeyPem: onlyFile(path.join(msp, "keystore")),
    channel: CHANNEL,
    contract: CONTRACT,
    workload,
    inFlight,
    warmUpMs: settings.warmUp * 1000,
    measuredMs: settings.seconds * 1000,
    prefix: cycling,
    keys: UPDATE_KEYS,
  };
}

async function runLoad(order: LoadOrder, nameOf: (pid: number) => string | undefined) {
  const child = fork(fileURLToPath(new URL("./load.js", import.meta.url)), { serialization: "advanced", execArgv: [] });
  const exited = new Promise<never>((_, reject) =>
    child.once("exit", (code) => reject(new Error(`load ended with ${code}`))),
  );
  exited.catch(() => {});
  const message = () => Promise.race([new Promise<unknown>((resolve) => child.once("message", resolve)), exited]);
  const ready = message();
  child.send(order);
  await ready;
  const report = message();
  child.send("go");
  const snapshot = () => processTree((pid) => (pid === child.pid ? "client" : nameOf(pid)));
  await new Promise((resolve) => setTimeout(resolve, order.warmUpMs));
  const before = snapshot();
  await new Promise((resolve) => setTimeout(resolve, order.measuredMs));
  const after = snapshot();
  return { report: (await report) as LoadReport, processes: difference(before, after) };
}

function difference(before: readonly ProcessUse[], after: readonly ProcessUse[]): ProcessUse[] {
  const cpuBefore = new Map(before.map(({ pid, cpuMs }) => [pid, cpuMs]));
  return after.map((use) => ({ ...use, cpuMs: use.cpuMs - (cpuBefore.get(use.pid) ?? 0) }));
}

const MODES = {
  processes: { mode: "processes", contractsRun: "process" },
  /** Three orderers and three NATS servers beside the rest. */
  jetstream: {
    mode: "processes",
    contractsRun: "process",
    ordering: { engine: "jetstream", orderers: 3, replicas: 3, servers: [] },
  },
  inline: { mode: "inline", contractsRun: "process" },
  "processes-worker": { mode: "processes", contractsRun: "worker" },
  "processes-inside": { mode: "processes", contractsRun: "peer" },
  "inline-worker": { mode: "inline", contractsRun: "worker" },
  "inline-inside": { mode: "inline", contractsRun: "peer" },
} as const;

async function benchMode(name: keyof typeof MODES, settings: Settings) {
  const settingsOf: StartOptions = MODES[name];
  const { mode } = MODES[name];
  const dataFolder = mkdtempSync(path.join(os.tmpdir(), "hansa-bench-"));
  const startedAt = performance.now();
  const network = await startNetwork(NETWORK_FILE, { ...settingsOf, dataFolder });
  const upMs = performance.now() - startedAt;
  try {
    await network.deploy({ name: CONTRACT, channel: CHANNEL, path: CONTRACT_FOLDER, endorsement: "all" });
    const deployedMs = performance.now() - startedAt;
    const gateway = network.members[0]!.gateway();
    const contract = gateway.getNetwork(CHANNEL).getContract(CONTRACT);
    await contract.submitTransaction("create", "first", "1");
    const firstMs = performance.now() - startedAt;
    for (let start = 0; start < KEYS_AT_START; start += 100) {
      const keys = Array.from({ length: 100 }, (_, n) => `u-${start + n}`);
      await Promise.all(keys.map((key) => contract.submitTransaction("create", key, key.padEnd(100, "x"))));
    }
    gateway.close();
    const names = new Map(network.nodes().map((node) => [node.pid, node.node.id]));
    const nameOf = (pid: number) => (mode === "inline" && pid === process.pid ? "network" : names.get(pid));
    const runs = [];
    for (const workload of settings.workloads) {
      for (const inFlight of settings.inFlight) {
        say(`${name} ${workload} ${inFlight}`);
        const bytesBefore = folderBytes(dataFolder);
        const { report, processes } = await runLoad(orderFor(network, workload, inFlight, settings), nameOf);
        const servers = processes.filter(
          ({ pid, name }) => name !== "client" && (mode === "inline" || pid !== process.pid),
        );
        const perCall = (cpuMs: number) => round(cpuMs / Math.max(1, report.ok), 3);
        runs.push({
          workload,
          inFlight,
          ...report,
          serversCpuMsPerCall: perCall(servers.reduce((sum, { cpuMs }) => sum + cpuMs, 0)),
          cpuMsPerCall: servers.map(({ name, cpuMs }) => ({ name, cpuMs: perCall(cpuMs) })),
          memoryMb: servers.map(({ name, rssMb, pssMb }) => ({ name, rss: rssMb, pss: pssMb })),
          diskBytesPerTransaction:
            workload === "evaluate"
              ? undefined
              : Math.round((folderBytes(dataFolder) - bytesBefore) / Math.max(1, report.okInAll)),
        });
        say(
          `  ${report.perSecond}/s p50 ${report.latencyMs.p50} ms, servers ${runs.at(-1)!.serversCpuMsPerCall} ms, failed ${JSON.stringify(report.failed)}`,
        );
      }
    }
    return {
      mode: name,
      startUp: {
        phases: network.phases,
        upMs: Math.round(upMs),
        contractDeployedMs: Math.round(deployedMs),
        firstTransactionMs: Math.round(firstMs),
      },
      runs,
    };
  } finally {
    await network.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

const settings = readSettings();
const results = [];
for (const mode of settings.modes) results.push(await benchMode(mode as keyof typeof MODES, settings));
const machine = {
  node: process.version,
  cpus: os.cpus().length,
  model: os.cpus()[0]?.model,
  memoryMb: Math.round(os.totalmem() / 2 ** 20),
};
const gained = gains(results);
for (const { mode, than, workload, inFlight, perSecond, serversCpu } of gained)
  say(
    `${mode} beside ${than}, ${workload} ${inFlight}: ${perSecond} times the calls a second, ${serversCpu} of the CPU`,
  );
process.stdout.write(`${JSON.stringify({ bench: "network", machine, settings, results, gains: gained }, null, 2)}\n`);
