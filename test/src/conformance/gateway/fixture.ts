/** One network for all that the official client library is put through. */
import assert from "node:assert/strict";
import path from "node:path";
import { type Network, startNetwork } from "@hansa/network";
import type { Contract, ErrorDetail, GatewayError } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../../support/paths.js";

export const CHANNEL = "trade";
/** Both members must endorse; has private data collections, as has the next. */
export const BOTH = "both";
/** Either member's endorsement is enough. */
export const EITHER = "either";
/** Init must be called first. */
export const GUARDED = "guarded";

const contractFolder = path.join(repositoryRoot, "test/contracts/conformance");

export class Fixture {
  readonly network: Network;
  #keys = 0;

  private constructor(network: Network) {
    this.network = network;
  }

  static async start(): Promise<Fixture> {
    const collections = path.join(contractFolder, "collections.json");
    const contract = (name: string, endorsement: string) => ({
      name,
      channel: CHANNEL,
      path: contractFolder,
      endorsement,
    });
    return new Fixture(
      await startNetwork(
        {
          network: "conformance",
          mode: "inline",
          members: [
            { name: "Org1", users: ["User1", "User2"] },
            { name: "Org2", users: ["User1"] },
          ],
          channels: [{ name: CHANNEL }],
          contracts: [
            { ...contract(BOTH, "all"), collections },
            { ...contract(EITHER, "any"), collections },
            { ...contract(GUARDED, "any"), initRequired: true },
          ],
        },
        {},
      ),
    );
  }

  stop(): Promise<void> {
    return this.network.stop();
  }

  channel(member = "Org1", user = "User1") {
    return this.network.member(member).gateway({ user }).getNetwork(CHANNEL);
  }

  contract(name: string, member = "Org1", user = "User1"): Contract {
    return this.channel(member, user).getContract(name);
  }

  address(member: string): string {
    return this.network.member(member).peers[0]!.address;
  }

  /** A key that no other test has used. */
  key(): string {
    this.#keys += 1;
    return `key-${String(this.#keys).padStart(4, "0")}`;
  }
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** Lets a test read like a sentence: what came of a query, as the JSON it is. */
export async function json<T>(bytes: Promise<Uint8Array>): Promise<T> {
  return JSON.parse(text(await bytes)) as T;
}

/** The error of the wanted class that the work ended with. */
export async function failureOf<E extends GatewayError>(
  work: Promise<unknown>,
  // biome-ignore lint/suspicious/noExplicitAny: what a class is constructed with does not matter here
  kind: abstract new (...args: any[]) => E,
): Promise<E> {
  const error = await work.then(
    () => assert.fail("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof kind) return error;
  throw error;
}

/** What the gateway itself said, without what the client library puts before it. */
export function saying(error: GatewayError): string {
  return error.cause.details;
}

/** Details by member, so that the order in which peers answered does not matter. */
export function details(error: GatewayError): ErrorDetail[] {
  return error.details
    .map(({ address, message, mspId }) => ({ address, message, mspId }))
    .sort((a, b) => (a.mspId < b.mspId ? -1 : 1));
}

/** The first items of a stream, which is then closed. @throws Error when they do not come in time */
export async function take<T>(
  stream: AsyncIterable<T> & { close(): void },
  count: number,
  limitMs = 10_000,
): Promise<T[]> {
  const taken: T[] = [];
  const timer = setTimeout(() => stream.close(), limitMs);
  try {
    if (count > 0)
      for await (const item of stream) {
        taken.push(item);
        if (taken.length === count) break;
      }
  } finally {
    clearTimeout(timer);
    stream.close();
  }
  assert.equal(taken.length, count, `only ${taken.length} of ${count} came within ${limitMs} ms`);
  return taken;
}
