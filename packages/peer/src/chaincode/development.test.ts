import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import { silentLogger, systemClock } from "@hansa/primitives";
import { type ClientStream, GrpcStatus, RpcClient, RpcServer, type RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, protos, services } from "@hansa/wire";
import { ContractDevelopment, type DevelopmentRecord } from "./development.js";
import { registerHandler } from "./support-service.js";

type Event = hansa.development.DevelopEvent;
const DEFINITIONS: Record<string, { version: string; sequence: number; isApproved: boolean }> = {
  beer: { version: "2.0", sequence: 3, isApproved: true },
  wine: { version: "1.0", sequence: 1, isApproved: false },
};
let folder: string;
let registry: ChaincodeRegistry;
let development: ContractDevelopment;
let server: RpcServer;
let record: DevelopmentRecord;
const clients: RpcClient[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "hansa-development-"));
  registry = new ChaincodeRegistry({ clock: systemClock, every: () => () => {} });
  development = new ContractDevelopment({
    registry,
    mspId: "Org1MSP",
    definition: (channelId, name) => (channelId === "trade" ? DEFINITIONS[name] : undefined),
    file: join(folder, "chaincodes", "development.json"),
    logger: silentLogger,
  });
  server = new RpcServer({ logger: silentLogger });
  server.addService(services.ContractDevelopment, { Develop: development.develop });
  server.addService(services.ChaincodeSupport, {
    Register: registerHandler({
      registry,
      packageOf: () => undefined,
      developed: (authority) => development.admit(authority),
      allowAttach: false,
    }),
  });
  const { address } = await server.listen("127.0.0.1:0");
  await development.open(address);
  record = JSON.parse(await readFile(join(folder, "chaincodes", "development.json"), "utf8")) as DevelopmentRecord;
});
after(async () => {
  for (const client of clients) client.close();
  await development.close();
  registry.stop();
  await server.stop({ graceMs: 0 });
  await rm(folder, { recursive: true, force: true });
});

/** A developer's stream: what came so far, and how to wait for more. */
class Developer {
  readonly stream: ClientStream;
  readonly ended: Promise<RpcStatus | undefined>;
  readonly #events: Event[] = [];
  #wake: () => void = () => {};

  constructor(begin: hansa.development.IBegin) {
    const client = new RpcClient(record.address);
    clients.push(client);
    this.stream = client.bidi(services.ContractDevelopment.methods.Develop);
    this.ended = new Promise((resolve) => {
      this.stream.incoming.subscribe(
        (bytes) => {
          this.#events.push(decode(hansa.development.DevelopEvent, bytes, "hansa.development.DevelopEvent"));
          this.#wake();
        },
        (error) => resolve(error as RpcStatus | undefined),
      );
    });
    void this.stream.send(encode(hansa.development.DevelopRequest, { begin }));
  }

  async next(): Promise<Event> {
    while (this.#events.length === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#events.shift()!;
  }

  send(request: hansa.development.IDevelopRequest): void {
    void this.stream.send(encode(hansa.development.DevelopRequest, request));
  }

  /** Ends it, and waits until the peer knows. */
  async end(contract: string): Promise<void> {
    this.stream.close();
    while (development.packageOf("trade", contract) !== undefined) await new Promise((next) => setImmediate(next));
  }
}

const begin = (contract: string, secret = record.secret) => new Developer({ secret, channel: "trade", contract });

/** A process that registers; resolves with how its stream ended, or with "served" as soon as it is ready. */
function register(authority: string, name: string): Promise<"served" | RpcStatus | undefined> {
  const client = new RpcClient(record.address, undefined, { authority });
  clients.push(client);
  const stream = client.bidi(services.ChaincodeSupport.methods.Register);
  return new Promise((resolve) => {
    stream.incoming.subscribe(
      (bytes) => {
        if (protos.ChaincodeMessage.decode(bytes).type === protos.ChaincodeMessage.Type.READY) resolve("served");
      },
      (error) => resolve(error as RpcStatus | undefined),
    );
    const payload = encode(protos.ChaincodeID, { name });
    void stream.send(encode(protos.ChaincodeMessage, { type: protos.ChaincodeMessage.Type.REGISTER, payload }));
  });
}

describe("development of a contract", () => {
  it("is offered in a file that only the peer's own user can read", async () => {
    const { mode } = await stat(join(folder, "chaincodes", "development.json"));
    assert.equal(mode & 0o777, 0o600);
    assert.match(record.secret, /^[0-9a-f]{64}$/);
  });

  it("is refused without the secret, for contracts that nobody committed or approved, and twice at once", async () => {
    assert.equal((await begin("beer", "0".repeat(64)).ended)?.code, GrpcStatus.PERMISSION_DENIED);
    assert.equal((await begin("beer", "").ended)?.code, GrpcStatus.PERMISSION_DENIED);
    assert.match((await begin("gin").ended)?.message ?? "", /channel trade has no contract gin/);
    assert.match((await begin("wine").ended)?.message ?? "", /Org1MSP has not approved contract wine/);
    const first = begin("beer");
    await first.next();
    assert.equal((await begin("beer").ended)?.code, GrpcStatus.ALREADY_EXISTS);
    await first.end("beer");
    const client = new RpcClient(record.address);
    clients.push(client);
    const garbage = client.bidi(services.ContractDevelopment.methods.Develop);
    const ended = new Promise<RpcStatus>((resolve) =>
      garbage.incoming.subscribe(
        () => {},
        (error) => resolve(error as RpcStatus),
      ),
    );
    void garbage.send(Buffer.from("not a request"));
    assert.equal((await ended).code, GrpcStatus.FAILED_PRECONDITION);
  });

  it("lets in the processes of its own stream only, each in place of the one before", async () => {
    const developer = begin("beer");
    const { begun } = await developer.next();
    assert.deepEqual([begun?.version, Number(begun?.sequence), begun?.mspId], ["2.0", 3, "Org1MSP"]);
    const { authority = "", name = "" } = begun ?? {};
    assert.equal(development.packageOf("trade", "beer"), name);
    assert.equal(development.packageOf("other", "beer"), undefined);

    const stranger = await register("development-guess.1", name ?? "");
    assert.equal(typeof stranger === "object" && stranger?.code, GrpcStatus.PERMISSION_DENIED);
    const nameless = await register(authority ?? "", name ?? "");
    assert.equal(typeof nameless === "object" && nameless?.code, GrpcStatus.PERMISSION_DENIED);
    const liar = await register(`${authority}.1`, "another:package");
    assert.match(typeof liar === "object" ? (liar?.message ?? "") : "", /was expected/);
    assert.equal(registry.isReady(name ?? ""), false);
    assert.deepEqual((await developer.next()).ended?.generation, 1);

    assert.equal(await register(`${authority}.2`, name ?? ""), "served");
    assert.equal((await developer.next()).ready?.generation, 2);
    assert.equal(await register(`${authority}.3`, name ?? ""), "served");
    assert.equal((await developer.next()).ready?.generation, 3);
    await developer.end("beer");
    assert.equal(registry.isReady(name ?? ""), false);
    const late = await register(`${authority}.4`, name ?? "");
    assert.equal(typeof late === "object" && late?.code, GrpcStatus.PERMISSION_DENIED);
  });

  it("tells callers why the contract does not run, and knows of a debugger", async () => {
    const developer = begin("beer");
    const { begun } = await developer.next();
    const name = begun?.name ?? "";
    const waiting = development.launch(name);
    developer.send({ debugging: { attached: true } });
    developer.send({ failure: { reason: "it does not build" } });
    await assert.rejects(waiting ?? Promise.resolve(), /is being developed and does not run: it does not build/);
    assert.equal(development.isDebugged(name) && development.isDebugging, true);
    await assert.rejects(development.launch(name) ?? Promise.resolve(), /it does not build/);
    assert.equal(development.launch("some:package"), undefined);
    await developer.end("beer");
    assert.equal(development.isDebugged(name), false);
  });
});
