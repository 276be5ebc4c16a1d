/**
 * Every method of every service, on every kind of node, is sent what no client sends. It answers, with a status; the
 * node goes on. The table is made from the services themselves, so that a new one is in it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import { GrpcStatus, type MethodDefinition, type RpcClient } from "@hansa/transport";
import { services } from "@hansa/wire";
import { type Answer, ask, flawOf } from "./answers.js";
import { Seeded } from "./seeded.js";

const SEED = Number(process.env.HANSA_SEED ?? 577_215);

/** Which services answer where; all others are unknown there. */
const SERVED: Readonly<Record<string, readonly (keyof typeof services)[]>> = {
  "peer0.alpha": [
    "Deliver",
    "Discovery",
    "Endorsements",
    "Endorser",
    "Explanations",
    "Gateway",
    "Membership",
    "PrivateData",
    "Snapshot",
  ],
  orderer: ["AtomicBroadcast", "Governance", "Journal"],
  "ca.alpha": ["HansaCa"],
};

const GO_CANNOT_PARSE =
  /^grpc: (error unmarshalling request|failed to unmarshal the received message): proto: cannot parse invalid wire-format data$/;
/** Methods that never look at their request. */
const TAKES_NOTHING = new Set<string>([services.HansaCa.methods.Info.path]);
const MAX_MESSAGE_BYTES = 100 * 1024 * 1024;

/** Messages within messages, each in this field of the one around it. */
function nested(field: number, depth: number): Buffer {
  const heads: Buffer[] = [];
  let bytes = 0;
  for (let level = 0; level < depth; level++) {
    const head = [(field << 3) | 2];
    let length = bytes;
    for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
    head.push(length);
    heads.push(Buffer.from(head));
    bytes += head.length;
  }
  return Buffer.concat(heads.reverse());
}

const malformed: readonly (readonly [string, Buffer])[] = [
  ["ones", Buffer.alloc(40, 0xff)],
  ["a field that ends too early", Buffer.from("0a20aabb", "hex")],
  ["a field of number 0", Buffer.from("0200", "hex")],
  ["a wire type that there is not", Buffer.from("0f", "hex")],
  ["a group that nobody ends", Buffer.alloc(50_000, 0x0b)],
  ["a length of more than 64 bits", Buffer.from(`0a${"ff".repeat(11)}`, "hex")],
  ["text", Buffer.from("this is no message of any kind")],
];

const odd: readonly (readonly [string, Buffer])[] = [
  ["nothing", Buffer.alloc(0)],
  ["messages nested 20,000 deep in field 1", nested(1, 20_000)],
  ["messages nested 20,000 deep in field 2", nested(2, 20_000)],
  ["messages nested 20,000 deep in field 3", nested(3, 20_000)],
  ["a hundred thousand numbers", Buffer.from("0801".repeat(100_000), "hex")],
  ["a hundred thousand empty fields", Buffer.from("0a00".repeat(100_000), "hex")],
  ["fields that nobody knows", Buffer.from("fa3f03616263".repeat(1_000), "hex")],
];

let network: Network;
const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown) => void unhandled.push(reason);

before(async () => {
  process.on("unhandledRejection", noteUnhandled);
  network = await startNetwork(
    { network: "every-service", members: [{ name: "Alpha" }], channels: [{ name: "trade" }] },
    { mode: "inline" },
  );
});

after(async () => {
  await network?.stop();
  process.off("unhandledRejection", noteUnhandled);
  assert.deepEqual(unhandled, []);
});

const nodeOf = (id: string) => network.plan.nodes.find((node) => node.id === id)!;
const rpcOf = (id: string): RpcClient => network.target(nodeOf(id)).rpc;

function methodsOf(name: keyof typeof services): readonly MethodDefinition[] {
  return Object.values(services[name].methods);
}

async function survives(node: string, method: MethodDefinition, message: Buffer): Promise<Answer> {
  const answer = await ask(rpcOf(node), method, message);
  assert.equal(flawOf(answer), undefined, message.subarray(0, 100).toString("hex"));
  return answer;
}

for (const [node, served] of Object.entries(SERVED)) {
  describe(node, () => {
    it("says which services it does not know, and which methods", async () => {
      for (const name of Object.keys(services) as (keyof typeof services)[]) {
        const { name: fullName } = services[name];
        const [method] = methodsOf(name);
        assert.ok(method);
        const stray = { ...method, path: `/${fullName}/NoSuchMethod`, requestStream: false, responseStream: false };
        const text = served.includes(name)
          ? `unknown method NoSuchMethod for service ${fullName}`
          : `unknown service ${fullName}`;
        assert.deepEqual(await ask(rpcOf(node), stray, Buffer.alloc(0)), {
          kind: "status",
          code: GrpcStatus.UNIMPLEMENTED,
          text,
          details: 0,
        });
      }
    });

    for (const name of served) {
      for (const method of methodsOf(name)) {
        it(`answers what is no message at ${method.path}`, async () => {
          for (const [what, message] of malformed) {
            const answer = await survives(node, method, message);
            if (!TAKES_NOTHING.has(method.path)) assert.equal(answer.kind, "status", what);
            if (answer.kind !== "status" || method.path.startsWith("/hansa.")) continue;
            assert.equal(answer.code, GrpcStatus.INTERNAL, what);
            assert.match(answer.text, GO_CANNOT_PARSE, what);
          }
        });

        it(`answers odd messages at ${method.path}`, async () => {
          for (const [, message] of odd) await survives(node, method, message);
          const seeded = new Seeded(SEED + method.path.length);
          for (let round = 0; round < 10; round++) {
            const message = Buffer.alloc(1 << (round + 1), 0x0a);
            await survives(node, method, seeded.damaged(message));
          }
        });
      }
    }

    it("takes no message above the limit, whoever it is for, and does not wait for it", async () => {
      const { rootPem, address } = endpointOf(node);
      const session = connect(`https://${address}`, { ca: rootPem, servername: nodeOf(node).host });
      session.on("error", () => {});
      try {
        for (const name of served) {
          for (const { path } of methodsOf(name)) {
            assert.equal(await oversized(session, path), GrpcStatus.RESOURCE_EXHAUSTED, path);
          }
        }
      } finally {
        session.destroy();
      }
    });
  });
}

describe("after all of it", () => {
  it("the network works", async () => {
    const [ledger] = await network.ledgers("trade");
    assert.ok(ledger && ledger.height > 0);
    const contract = network.member("Alpha").gateway().getNetwork("trade").getContract("qscc");
    assert.ok((await contract.evaluateTransaction("GetChainInfo", "trade")).length > 0);
  });
});

function endpointOf(node: string): { rootPem: string; address: string } {
  const { organization, kind, id } = nodeOf(node);
  const { port, adminPort } = network.state.ports[id]!;
  const rootPem = readFileSync(network.layout.tlsRoot(organization.kind, organization.domain), "utf8");
  return { rootPem, address: `127.0.0.1:${kind === "ca" ? adminPort : port}` };
}

/** Announces a message of a byte too many, sends none of it, and resolves to the status that comes. */
function oversized(session: ClientHttp2Session, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [constants.HTTP2_HEADER_TE]: "trailers",
    });
    const timer = setTimeout(() => reject(new Error(`${path} waits for the message`)), 30_000);
    const take = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] === undefined) return;
      clearTimeout(timer);
      resolve(Number(headers["grpc-status"]));
      stream.close();
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.on("error", () => {});
    stream.resume();
    const head = Buffer.alloc(5);
    head.writeUInt32BE(MAX_MESSAGE_BYTES + 1, 1);
    stream.write(head);
  });
}
