/**
 * A cluster of real nats-server processes and real orderer processes, all of which can be killed; for tests. Servers
 * and clients show each other certificates, and clients sign with user keys.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, nkeyAuthenticator, nkeys } from "@nats-io/transport-node";
import { TestClient, testNetwork, testTls } from "../testing.js";
import { natsServerConfig } from "./server-config.js";
import type { JetStreamSettings } from "./settings.js";

const STARTS_WITHIN_MS = 20_000;

export type TestCluster = Awaited<ReturnType<typeof startCluster>>;

/** @param program the nats-server to run */
export async function startCluster(program: string, size = 3) {
  const root = mkdtempSync(path.join(tmpdir(), "hansa-ordering-"));
  const tls = testTls();
  const files = { ca: "ca.pem", cert: "server.pem", key: "server-key.pem" };
  const contents = { ca: tls.caPem, cert: tls.server.certPem, key: tls.server.keyPem };
  const at = (name: string) => path.join(root, name);
  for (const name of ["ca", "cert", "key"] as const) writeFileSync(at(files[name]), contents[name], { mode: 0o600 });
  const user = nkeys.createUser();
  const nkeySeed = Buffer.from(user.getSeed()).toString();
  const ports = await freePorts(2 * size);
  const routes = ports.slice(size).map((port) => `127.0.0.1:${port}`);
  const servers: (ChildProcess | undefined)[] = [];

  const startServer = (i: number) => {
    const file = at(`nats-${i}.conf`);
    const config = natsServerConfig({
      name: `nats-${i}`,
      clusterName: "test",
      listen: `127.0.0.1:${ports[i]}`,
      clusterListen: routes[i] as string,
      routes,
      dataFolder: at(`nats-${i}`),
      tls: { ca: at(files.ca), cert: at(files.cert), key: at(files.key) },
      clientKeys: [user.getPublicKey()],
    });
    writeFileSync(file, config);
    servers[i] = spawn(program, ["-c", file], { stdio: "ignore" });
  };
  for (let i = 0; i < size; i++) startServer(i);

  const settings: JetStreamSettings = {
    servers: ports.slice(0, size).map((port) => `tls://127.0.0.1:${port}`),
    replicas: size === 1 ? 1 : 3,
    tls: { caPem: tls.caPem, certPem: tls.client.certPem, keyPem: tls.client.keyPem },
    credentials: { nkeySeed },
  };

  const { orgs, ordererOrg, genesis } = testNetwork();
  const orderers: (OrdererProcess | undefined)[] = [];
  const startOrdererProcess = async (i: number) => {
    const setup = at(`orderer-${i}.json`);
    const config = {
      name: `orderer-${i}`,
      identity: ordererOrg.credentials("orderer"),
      dataFolder: at(`orderer-${i}`),
      listen: { address: "127.0.0.1:0" },
      ordering: { engine: "jetstream", ...settings },
    };
    writeFileSync(setup, JSON.stringify({ config, genesis: Buffer.from(genesis).toString("base64") }), { mode: 0o600 });
    orderers[i] = await runOrderer(setup);
  };
  mkdirSync(root, { recursive: true });

  const connectTo = (addresses: readonly string[]) =>
    connect({
      servers: [...addresses],
      tls: { ca: tls.caPem, cert: tls.client.certPem, key: tls.client.keyPem },
      authenticator: nkeyAuthenticator(Buffer.from(nkeySeed)),
      ignoreClusterUpdates: true,
    });

  const kill = async (child: ChildProcess | undefined) => {
    if (child === undefined || hasEnded(child)) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };

  return {
    root,
    settings,
    orgs,
    ordererOrg,
    genesis,
    startServer,
    killServer: (i: number) => kill(servers[i]),
    /** As deploy/systemd stops a server: first it hands over what it leads. */
    retireServer: async (i: number) => {
      const child = servers[i] as ChildProcess;
      child.kill("SIGUSR2");
      if (!hasEnded(child)) await once(child, "exit");
    },
    /** What a server that is not running has on disk. */
    wipeServer: (i: number) => rmSync(at(`nats-${i}`), { recursive: true, force: true }),
    startOrderer: startOrdererProcess,
    killOrderer: async (i: number) => {
      await kill(orderers[i]?.child);
      orderers[i] = undefined;
    },
    address: (i: number) => orderers[i]?.address,
    client: (i: number) => new TestClient(orderers[i]?.address ?? "127.0.0.1:1"),
    /** Which server leads the stream of the channel; undefined while none does. */
    leader: async (): Promise<number | undefined> => {
      const connection = await connectTo(settings.servers);
      try {
        const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1_000 });
        // The channel's: the other one is for governance.
        const streams = await manager.streams.list().next();
        const channel = streams.find(({ config }) => config.description?.includes("channel"));
        const leader = channel?.cluster?.leader ?? "";
        return leader === "" ? undefined : Number(leader.slice("nats-".length));
      } catch {
        return undefined;
      } finally {
        await connection.close();
      }
    },
    /** Notes when the stream first has a message after this server's end, in `performance.now()`; asks the others. */
    watchWithout: async (i: number) => {
      const connection = await connectTo(settings.servers.filter((_, k) => k !== i));
      const seen: { orderedAt?: number } = {};
      connection.subscribe("hansa.ordered.>", {
        callback: () => {
          if (hasEnded(servers[i])) seen.orderedAt ??= performance.now();
        },
      });
      await connection.flush();
      return { seen, close: () => connection.close() };
    },
    stop: async () => {
      await Promise.all(orderers.map((orderer) => kill(orderer?.child)));
      await Promise.all(servers.map(kill));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function hasEnded(child: ChildProcess | undefined): boolean {
  return child === undefined || child.exitCode !== null || child.signalCode !== null;
}

type OrdererProcess = { child: ChildProcess; address: string };

const CHILD = `
  import { readFileSync } from "node:fs";
  const [modules, setup] = process.argv.slice(1);
  const { startOrderer } = await import(modules + "/orderer.js");
  const { testClock } = await import(modules + "/testing.js");
  const { config, genesis } = JSON.parse(readFileSync(setup, "utf8"));
  const orderer = await startOrderer({ ...config, clock: testClock });
  if (orderer.channels().length === 0) await orderer.join(Buffer.from(genesis, "base64"));
  process.send(orderer.address);
`;

async function runOrderer(setup: string): Promise<OrdererProcess> {
  const modules = path.dirname(import.meta.dirname);
  const child = spawn(process.execPath, ["--input-type=module", "-e", CHILD, "--", modules, setup], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const started = once(child, "message").then(([address]) => ({ child, address: String(address) }));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the orderer ended with ${code}`);
  });
  const late = pause(STARTS_WITHIN_MS, undefined, { ref: false }).then(() => {
    throw new Error("the orderer did not start in time");
  });
  ended.catch(() => {});
  late.catch(() => {});
  return Promise.race([started, ended, late]);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const { port } = server.address() as { port: number };
      server.close();
      await once(server, "close");
      return port;
    }),
  );
}
