/** The official client, connected to a gateway with a fake network behind it. */
import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { common, decode, protos, readEnvelope } from "@hansa/wire";
import { type Contract, connect, type Gateway, GatewayError, hash, type Network } from "@hyperledger/fabric-gateway";
import {
  brewery,
  carrier,
  definition,
  FakeHost,
  FakeOrderer,
  fakePeer,
  pub,
  type RunningGateway,
  serve,
} from "./fake-network.js";

/** One gateway for a suite; `reset` puts a fresh peer behind it. */
export class Harness {
  host = new FakeHost();
  readonly orderer: FakeOrderer;
  readonly client: grpc.Client;
  readonly application: Gateway;
  readonly network: Network;
  readonly contract: Contract;
  readonly #running: RunningGateway;

  static async start(): Promise<Harness> {
    let harness: Harness | undefined;
    const current = new Proxy({} as FakeHost, {
      get(_, name) {
        const value = Reflect.get(harness!.host, name) as unknown;
        return typeof value === "function" ? value.bind(harness!.host) : value;
      },
    });
    harness = new Harness(await serve(current), await new FakeOrderer().start());
    harness.reset();
    return harness;
  }

  private constructor(running: RunningGateway, orderer: FakeOrderer) {
    this.#running = running;
    this.orderer = orderer;
    this.client = new grpc.Client(running.address, grpc.credentials.createInsecure());
    const identity = brewery.identity("client");
    this.application = connect({
      client: this.client,
      identity: { mspId: brewery.mspId, credentials: Buffer.from(identity.certificate.pem) },
      signer: async (message) => identity.sign(message),
      hash: hash.none,
      endorseOptions: () => ({ deadline: Date.now() + 5_000 }),
    });
    this.network = this.application.getNetwork("trade");
    this.contract = this.network.getContract("deal");
  }

  reset(): void {
    const host = new FakeHost();
    host.definitions.set("deal", definition("deal", "OutOf(2, 'Brewery.peer', 'Carrier.peer', 'Pub.peer')"));
    host.definitions.set("own", definition("own", "OR('Brewery.peer')"));
    host.others = [fakePeer(carrier, "peer0"), fakePeer(pub, "peer0")];
    host.ordererAddresses = [this.orderer.address];
    this.host = host;
    this.orderer.envelopes.length = 0;
    this.orderer.judge = () => ({ status: common.Status.SUCCESS });
  }

  /** The envelope that the orderer got. */
  async submitted(transaction: { submit(): Promise<unknown> }): Promise<Uint8Array> {
    const before = this.orderer.envelopes.length;
    await transaction.submit();
    return this.orderer.envelopes[before]!;
  }

  async stop(): Promise<void> {
    this.application.close();
    this.client.close();
    await this.#running.stop();
    await this.orderer.stop();
  }
}

/** Code, text and details of a call that must fail. */
export async function failureOf(work: Promise<unknown>): Promise<{ code: number; text: string; details: string[] }> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    const text = (error.cause as grpc.ServiceError).details;
    return { code: error.code, text, details: error.details.map((each) => `${each.mspId} ${each.message}`) };
  }
  return assert.fail("expected a failure");
}

/** Members whose peers endorsed, in the order of their endorsements. */
export function endorsersOf(envelope: Uint8Array): string[] {
  const { actions } = decode(protos.Transaction, readEnvelope(envelope).data, "Transaction");
  const payload = decode(protos.ChaincodeActionPayload, actions[0]!.payload!, "ChaincodeActionPayload");
  const owners = [brewery, carrier, pub];
  return (payload.action?.endorsements ?? []).map(({ endorser }) => {
    const owner = owners.find((each) => Buffer.from(each.identity("peer").serialized).equals(endorser!));
    return owner?.mspId ?? "?";
  });
}
