/** A channel with three members, their peers and an orderer, all of them a few lines, behind a real gateway. */
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { type TestOrganization, testOrganization, testProfile } from "@hansa/channel-config/testing";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import { parsePolicy, type SigningIdentity } from "@hansa/msp";
import { type CancelSignal, concatBytes, silentLogger } from "@hansa/primitives";
import { RpcServer } from "@hansa/transport";
import { blockDataHash, common, encode, joinBlock, METADATA, orderer, protos, services } from "@hansa/wire";
import { createGateway, type Gateway } from "../gateway.js";
import type { CommitOutcome, GatewayHost, GatewayPeer } from "../host.js";
import { readProposal } from "../proposal.js";

export const members = ["Brewery", "Carrier", "Pub"].map((mspId) => testOrganization(mspId));
export const [brewery, carrier, pub] = members as [TestOrganization, TestOrganization, TestOrganization];
const ordering = testOrganization("Ordering");
export const config = ChannelConfig.fromBlock(genesisBlock(testProfile(members, ordering)));

/** What a fake peer makes of a proposal; default: an endorsement of `result`. */
export type Behaviour = {
  result?: string;
  /** bytes of rwset.TxReadWriteSet */
  results?: Uint8Array;
  status?: number;
  message?: string;
  /** a failure made by the peer rather than the chaincode: no payload */
  bare?: boolean;
  throws?: Error;
  delayMs?: number;
  interest?: protos.IChaincodeInterest;
  /** what it does from the second time on */
  next?: Behaviour;
};

export function answer(signedProposal: Uint8Array, identity: SigningIdentity, behaviour: Behaviour): Uint8Array {
  const { result = "done", status = 200, message = "", bare = false, results = new Uint8Array(0) } = behaviour;
  const response = { status, message, payload: Buffer.from(result) };
  const proposal = readProposal(signedProposal);
  if (bare || proposal === undefined) return encode(protos.ProposalResponse, { response: { status, message } });
  const extension = encode(protos.ChaincodeAction, { results, response, chaincodeId: { name: proposal.chaincode } });
  const payload = encode(protos.ProposalResponsePayload, { proposalHash: Buffer.alloc(32, 1), extension });
  return encode(protos.ProposalResponse, {
    version: 1,
    response: { ...response, payload: new Uint8Array(0) },
    payload,
    endorsement: {
      endorser: identity.serialized,
      signature: identity.sign(concatBytes(payload, identity.serialized)),
    },
    interest: behaviour.interest ?? { chaincodes: [{ name: proposal.chaincode }] },
  });
}

export type FakePeer = GatewayPeer & { asked: number; behaviour: Behaviour };

export function fakePeer(organization: TestOrganization, name: string, behaviour: Behaviour = {}): FakePeer {
  const identity = organization.identity("peer");
  const peer: FakePeer = {
    mspId: organization.mspId,
    endpoint: `${name}.${organization.mspId.toLowerCase()}:7051`,
    identity: identity.serialized,
    asked: 0,
    behaviour,
    client: {
      async processProposal(signedProposal) {
        peer.asked++;
        return await behave(signedProposal, identity, peer.behaviour, (next) => {
          peer.behaviour = next;
        });
      },
    },
  };
  return peer;
}

async function behave(
  signed: Uint8Array,
  identity: SigningIdentity,
  { next: afterwards, ...behaviour }: Behaviour,
  next: (behaviour: Behaviour) => void,
): Promise<Uint8Array> {
  if (afterwards !== undefined) next(afterwards);
  if (behaviour.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
  if (behaviour.throws !== undefined) throw behaviour.throws;
  return answer(signed, identity, behaviour);
}

let commits = 0;

/** Each call is a commit of its own, with a sequence of its own. */
export function definition(name: string, policy: string): ChaincodeDefinition {
  return {
    name,
    sequence: ++commits,
    version: "1",
    initRequired: false,
    endorsementPlugin: "escc",
    validationPlugin: "vscc",
    validationParameter: encode(common.ApplicationPolicy, { signaturePolicy: parsePolicy(policy) }),
    collections: [],
    collectionsBytes: new Uint8Array(0),
  };
}

export class FakeHost implements GatewayHost {
  readonly mspId = brewery.mspId;
  readonly address = "peer0.brewery:7051";
  readonly identity = brewery.identity("peer").serialized;
  readonly definitions = new Map<string, ChaincodeDefinition>();
  readonly commits = new Map<string, CommitOutcome>();
  readonly chain: Uint8Array[] = [];
  local: Behaviour = {};
  asked = 0;
  hasLocalChaincode = true;
  others: FakePeer[] = [];
  ordererAddresses: string[] = [];

  endorseLocal(signedProposal: Uint8Array): Promise<Uint8Array> {
    this.asked++;
    return behave(signedProposal, brewery.identity("peer"), this.local, (next) => {
      this.local = next;
    });
  }
  channel(channelId: string) {
    return channelId === "trade" ? config : undefined;
  }
  definition(_channelId: string, chaincode: string) {
    return this.definitions.get(chaincode);
  }
  hasChaincode(_channelId: string, chaincode: string) {
    return this.hasLocalChaincode && this.definitions.has(chaincode);
  }
  ledgerHeight() {
    return this.chain.length;
  }
  peers() {
    return this.others;
  }
  orderers() {
    return this.ordererAddresses.map((address) => ({ address, mspId: "Ordering", tlsRootPems: [] }));
  }
  commitStatus(_channelId: string, transactionId: string, signal: CancelSignal): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const outcome = this.commits.get(transactionId);
        if (signal.aborted) reject(new Error("no longer waited for"));
        else if (outcome !== undefined) resolve(outcome);
        else setTimeout(look, 5);
      };
      look();
    });
  }
  blockOfTransaction(_channelId: string, transactionId: string) {
    return this.commits.get(transactionId)?.blockNumber;
  }
  async *blocks(_channelId: string, from: number, signal: AbortSignal) {
    for (let number = from; !signal.aborted; ) {
      const block = this.chain[number];
      if (block === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      else {
        yield block;
        number++;
      }
    }
  }

  /** Adds a block of one transaction for each event; a code other than 0 makes it invalid. */
  addBlock(events: readonly { chaincode: string; name: string; txId: string; code?: number }[]): void {
    const envelopes = events.map(({ chaincode, name, txId }) => eventEnvelope(chaincode, name, txId));
    const metadata: Uint8Array[] = Array.from({ length: 5 }, () => new Uint8Array(0));
    metadata[METADATA.TRANSACTIONS_FILTER] = Uint8Array.from(events.map(({ code }) => code ?? 0));
    const header = {
      number: BigInt(this.chain.length),
      previousHash: Buffer.alloc(32),
      dataHash: blockDataHash(envelopes),
    };
    for (const { txId, code } of events) this.commits.set(txId, { code: code ?? 0, blockNumber: this.chain.length });
    this.chain.push(joinBlock({ header, envelopes, metadata }));
  }
}

function eventEnvelope(chaincodeId: string, eventName: string, txId: string): Uint8Array {
  const events = encode(protos.ChaincodeEvent, { chaincodeId, eventName, txId, payload: Buffer.from(txId) });
  const extension = encode(protos.ChaincodeAction, { events });
  const proposalResponsePayload = encode(protos.ProposalResponsePayload, { extension });
  const payload = encode(protos.ChaincodeActionPayload, { action: { proposalResponsePayload } });
  const data = encode(protos.Transaction, { actions: [{ payload }] });
  const channelHeader = encode(common.ChannelHeader, { type: common.HeaderType.ENDORSER_TRANSACTION, txId });
  const header = { channelHeader, signatureHeader: encode(common.SignatureHeader, { nonce: Buffer.alloc(24) }) };
  return encode(common.Envelope, { payload: encode(common.Payload, { header, data }) });
}

/** Answers each envelope as told, in order, and like Fabric ends the stream with its first refusal. */
export class FakeOrderer {
  readonly envelopes: Uint8Array[] = [];
  streams = 0;
  judge: (envelope: Uint8Array) => { status: number; info?: string } = () => ({ status: common.Status.SUCCESS });
  readonly #server = new RpcServer({ logger: silentLogger });
  address = "";

  async start(): Promise<this> {
    this.#server.addService(services.AtomicBroadcast, {
      Broadcast: async (incoming, _context, send) => {
        this.streams++;
        for await (const envelope of incoming) {
          const outcome = this.judge(envelope);
          if (outcome.status === common.Status.SUCCESS) this.envelopes.push(envelope);
          await send(encode(orderer.BroadcastResponse, outcome));
          if (outcome.status !== common.Status.SUCCESS) return;
        }
      },
    });
    this.address = (await this.#server.listen("127.0.0.1:0")).address;
    return this;
  }

  stop(): Promise<void> {
    return this.#server.stop({ graceMs: 0 });
  }
}

export type RunningGateway = { address: string; gateway: Gateway; stop(): Promise<void> };

export async function serve(host: GatewayHost): Promise<RunningGateway> {
  const gateway = createGateway(host, { broadcastTimeoutMs: 2_000, endorsementTimeoutMs: 2_000 });
  const server = new RpcServer({ logger: silentLogger });
  server.addService(services.Gateway, gateway.handlers);
  const { address } = await server.listen("127.0.0.1:0");
  const stop = async () => {
    gateway.close();
    await server.stop({ graceMs: 0 });
  };
  return { address, gateway, stop };
}
