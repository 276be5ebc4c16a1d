/**
 * The file that tells one node what it is, where a service manager starts it rather than `hansa up`: people write it, so
 * everything that is wrong with it is said at once.
 */
import { readFile } from "node:fs/promises";
import { HansaError, messageOf } from "@hansa/primitives";
import { problemText } from "../config/problems.js";
import { check, optional, required, type Shape } from "../config/shape.js";
import type { RoleKind } from "../plan/plan.js";

const text = (like: string): Shape => ({ kind: "text", pattern: /\S/, like });
const listOf = (of: Shape): Shape => ({ kind: "list", of, minItems: 0 });
const file = text("a file");
const folder = text("a folder");
const address: Shape = { kind: "text", pattern: /^\S+:\d{1,5}$/, like: 'an address like "0.0.0.0:7050"' };
const milliseconds: Shape = { kind: "integer", min: 1, max: 86_400_000 };

const SERVER = {
  id: required(text('a name like "orderer1"'), "a name for its logs"),
  host: required(text('a name like "orderer1.example.com"'), "the name in its certificates"),
  mspId: required(text('an MSP id like "OrdererMSP"'), "its organisation's MSP id"),
  domain: optional(text('a domain like "example.com"'), "its organisation's domain"),
  identityFolder: required(folder, "the folder with its msp/ and tls/"),
  dataFolder: required(folder, "a folder to keep everything in"),
  address: required(address, "the address to listen at"),
  operations: optional(
    {
      kind: "record",
      fields: {
        address: required(address, "the address for health and metrics"),
        tls: required({ kind: "boolean" }, "true or false"),
      },
    },
    "where health and metrics are asked for",
  ),
  genesisBlocks: required(listOf(file), "a list of the genesis blocks of its channels"),
} as const;

const SHAPES: Readonly<Record<Exclude<RoleKind, "ca">, Shape>> = {
  orderer: {
    kind: "record",
    fields: {
      ...SERVER,
      organizationMspFolder: optional(folder, "the folder of its organisation's msp/"),
      adminAddress: optional(address, "channel participation"),
      batching: optional({ kind: "choice", values: ["adaptive", "fabric"] }, "adaptive or fabric"),
      networkId: optional(text('an id like "n-MWY63ZJZU5HGNCMBQER7IN6OIU"'), "the network's id"),
      jetstream: optional(
        {
          kind: "record",
          fields: {
            servers: required(
              { kind: "list", of: text('an address like "tls://nats-1.example.com:4222"'), minItems: 1 },
              "a list of the NATS servers",
            ),
            replicas: required({ kind: "integer", min: 1, max: 5 }, "the number of servers that keep a stream"),
            tls: optional(
              {
                kind: "record",
                fields: {
                  ca: required(file, "the authority's certificate"),
                  cert: optional(file, "the certificate to show"),
                  key: optional(file, "its key"),
                },
              },
              "how they know each other",
            ),
            credentials: optional(file, "a .creds file, or a user key's seed"),
          },
        },
        "with whom it shares the order",
      ),
    },
  },
  peer: {
    kind: "record",
    fields: {
      ...SERVER,
      organizationMspFolder: required(folder, "the folder of its organisation's msp/"),
      contractsRun: required({ kind: "choice", values: ["process", "worker", "peer"] }, "process, worker or peer"),
      contractMemoryMb: optional({ kind: "integer", min: 16, max: 1_048_576 }, "megabytes that a contract may hold"),
      contractTimeouts: required(
        {
          kind: "record",
          fields: {
            executeMs: required(milliseconds, "milliseconds for a call"),
            startMs: required(milliseconds, "milliseconds for a start"),
          },
        },
        "how long contracts may take: executeMs and startMs",
      ),
      orderers: required(
        listOf({
          kind: "record",
          fields: {
            address: required(address, "its address as channels name it"),
            host: required(text("a name"), "the name in its certificate"),
          },
        }),
        "a list of orderers' addresses and names, which may be empty",
      ),
      otherPeers: required(
        listOf({
          kind: "record",
          fields: {
            mspId: required(text("an MSP id"), "its organisation's MSP id"),
            address: required(address, "its address"),
            host: required(text("a name"), "the name in its certificate"),
            tlsRootFile: required(file, "its TLS authority's certificate"),
          },
        }),
        "a list of the peers that may be asked to endorse, which may be empty",
      ),
    },
  },
};

/** @throws HansaError NODE_FILE with everything that is wrong with it */
export async function readSpecificationFile(kind: RoleKind, name: string): Promise<unknown> {
  const nextStep = `deploy/nodes/${kind}.json in Hansa's repository is an example`;
  const wrong = (message: string, cause?: unknown) => new HansaError("NODE_FILE", message, { cause, nextStep });
  const content = await readFile(name, "utf8").catch((cause: unknown) => {
    throw wrong(`${name} cannot be read: ${messageOf(cause)}`, cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw wrong(`${name} is no JSON: ${messageOf(cause)}`, cause);
  }
  if (kind === "ca") return value;
  const problems = check(SHAPES[kind], value);
  if (problems.length === 0) return value;
  throw wrong(problems.map((problem) => problemText(name, problem, undefined)).join(" "));
}
