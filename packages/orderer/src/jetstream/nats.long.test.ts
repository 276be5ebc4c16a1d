/** One orderer and a real NATS server that an administrator stops, limits, and deletes streams of. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "@hansa/primitives";
import { Status, splitBlock } from "@hansa/wire";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { type RunningOrderer, startOrderer } from "../orderer.js";
import { TestClient, testClock, testNetwork } from "../testing.js";
import { findNatsServer } from "./server-binary.js";

const program = findNatsServer(process.env.PATH ?? "");
const skip = program === undefined ? "no nats-server on this machine: run scripts/install-nats.sh" : false;

describe("an orderer and its NATS server", { skip }, () => {
  const { orgs, ordererOrg, genesis } = testNetwork();
  const member = orgs[0]!.identity("client");
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-nats-"));
  const log: string[] = [];
  let url: string;
  let server: ChildProcess | undefined;
  let orderer: RunningOrderer;
  let client: TestClient;
  const acknowledged: string[] = [];
  const note = (text: string, fields?: object) => void log.push(`${text} ${JSON.stringify(fields ?? {})}`);
  const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => logger } as Logger;

  before(async () => {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, "close");
    url = `nats://127.0.0.1:${port}`;
    const config = `listen: 127.0.0.1:${port}\njetstream { store_dir: ${JSON.stringify(folder)} }\n`;
    writeFileSync(path.join(folder, "nats.conf"), config);
    orderer = await start("n-ONE");
    await orderer.join(genesis);
    client = new TestClient(orderer.address);
  });
  after(async () => {
    client.close();
    await orderer.stop();
    await stopServer();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (networkId: string) =>
    startOrderer({
      identity: ordererOrg.credentials("orderer"),
      listen: { address: "127.0.0.1:0" },
      ordering: { engine: "jetstream", servers: [url], replicas: 1 },
      networkId,
      clock: testClock,
      logger,
    });

  function startServer(): void {
    server = spawn(program as string, ["-c", path.join(folder, "nats.conf")], { stdio: "ignore" });
  }

  async function stopServer(): Promise<void> {
    if (server === undefined) return;
    server.kill("SIGKILL");
    await once(server, "exit");
    server = undefined;
  }

  async function send(data: string) {
    const [answer] = await client.broadcast([client.envelope(member, "trade", { data })]);
    if (answer?.status === Status.SUCCESS) acknowledged.push(data);
    return answer!;
  }

  async function sent(data: string): Promise<void> {
    for (let i = 0; (await send(`${data}-${i}`)).status !== Status.SUCCESS; i++) {
      assert.ok(i < 50, `${data} is not ordered: ${log.at(-1)}`);
      await pause(100);
    }
  }

  /** Everything that was acknowledged is in the blocks, once. */
  async function assertComplete(): Promise<void> {
    const { blocks, status } = await client.deliver(
      orgs[0]!.identity("admin"),
      "trade",
      { oldest: {} },
      { newest: {} },
    );
    assert.equal(status, Status.SUCCESS);
    const texts = blocks.flatMap((block) =>
      splitBlock(block).envelopes.map((envelope) => Buffer.from(envelope).toString("latin1")),
    );
    for (const data of acknowledged) assert.equal(texts.filter((text) => text.includes(data)).length, 1, data);
  }

  async function administer<T>(work: (manager: JetStreamManager, stream: string) => Promise<T>): Promise<T> {
    const connection = await connect({ servers: [url] });
    try {
      const manager = await jetstreamManager(connection);
      const streams = await manager.streams.list().next();
      const channel = streams.find(({ config }) => config.description === "order of channel trade");
      return await work(manager, channel?.config.name ?? "");
    } finally {
      await connection.close();
    }
  }

  it("starts without the server, says so, and orders when it is there", async () => {
    const waiting = send("early");
    await pause(500);
    assert.match(log.join("\n"), /not ready .*no NATS server answers at nats:.*start the NATS servers/);
    startServer();
    const { status, info } = await waiting;
    assert.equal(status, Status.SUCCESS, info);
  });

  it("goes on when the server was killed and is started again", async () => {
    await stopServer();
    const waiting = send("meanwhile");
    await pause(300);
    startServer();
    await waiting;
    await sent("afterwards");
    await assertComplete();
  });

  it("makes a stream again that was deleted, with all that it held", async () => {
    await administer((manager, stream) => manager.streams.delete(stream));
    await sent("after the deletion");
    const messages = await administer(async (manager, stream) => (await manager.streams.info(stream)).state.messages);
    assert.ok(messages >= acknowledged.length, `${messages} messages in the stream`);
    assert.match(log.join("\n"), /the stream is gone/);
    await assertComplete();
  });

  it("says that the stream is full, and goes on when it is not any more", async () => {
    await administer(async (manager, stream) => {
      const { config, state } = await manager.streams.info(stream);
      await manager.streams.update(stream, { ...config, max_bytes: state.bytes + 100 });
    });
    const { status, info } = await send("too much");
    assert.equal(status, Status.SERVICE_UNAVAILABLE);
    assert.equal(info, "the NATS servers have no room: maximum bytes exceeded; the message may still be ordered");
    await administer(async (manager, stream) => {
      const { config } = await manager.streams.info(stream);
      await manager.streams.update(stream, { ...config, max_bytes: -1 });
    });
    await sent("with room");
    await assertComplete();
  });

  it("does not begin with a stream that drops what was ordered", async () => {
    await administer(async (manager, stream) => {
      const { config } = await manager.streams.info(stream);
      await manager.streams.update(stream, { ...config, max_age: 3_600e9 });
    });
    await stopServer();
    startServer();
    const since = log.length;
    await administer((manager, stream) => manager.streams.info(stream)).catch(() => pause(500));
    const again = await start("n-ONE");
    await again.join(genesis);
    for (let i = 0; i < 100 && !/max_age/.test(log.slice(since).join()); i++) await pause(50);
    await again.stop();
    assert.match(
      log.slice(since).join("\n"),
      /not ready .*it drops messages by age \(max_age\).*nats stream edit hansa_/,
    );
    await administer(async (manager, stream) => {
      const { config } = await manager.streams.info(stream);
      await manager.streams.update(stream, { ...config, max_age: 0 });
    });
  });

  it("keeps its governance apart from that of another network of the same authority", async () => {
    const other = await start("n-TWO");
    const named = () =>
      administer(async (manager) =>
        (await manager.streams.list().next()).flatMap(
          ({ config }) => /network (.*)/.exec(config.description ?? "")?.[1] ?? [],
        ),
      );
    for (let i = 0; i < 100 && (await named()).length < 2; i++) await pause(50);
    assert.deepEqual((await named()).sort(), ["n-ONE", "n-TWO"]);
    await other.stop();
  });
});
