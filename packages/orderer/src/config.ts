/** What an ordering node is told at start. Read once; nothing below reads the environment. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { SigningIdentity } from "@hansa/msp";
import type { OperationsConfig } from "@hansa/operations";
import type { Batching, PaceSettings } from "@hansa/ordering";
import {
  type Clock,
  HansaError,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "@hansa/primitives";
import type { TlsServer } from "@hansa/transport";
import { checkSettings, type JetStreamSettings } from "./jetstream/settings.js";
import { machinePace } from "./machine-pace.js";
import { WITNESS_DEFAULTS, type WitnessSettings } from "./witness/desk.js";

export type OrdererConfig = {
  /** Names the node in its log. Default "orderer". */
  readonly name?: string;
  /** Where the journal lives; absent keeps it in memory. */
  readonly dataFolder?: string;
  /** Signs blocks and digests: an identity with the orderer role of an organisation in /Channel/Orderer. */
  readonly identity: SigningIdentity | { readonly mspId: string; readonly certPem: string; readonly keyPem: string };
  /** Broadcast, Deliver and the journal. "host:port"; port 0 takes a free one. Without `tls` in plain text. */
  readonly listen: { readonly address: string; readonly tls?: TlsServer };
  /** Channel participation (what `osnadmin` speaks). Absent: no such port. */
  readonly admin?: {
    readonly address: string;
    /** Clients must show a certificate that chains to `clientCaPems`. Without `tls` in plain HTTP, as Fabric allows. */
    readonly tls?: { readonly certPem: string; readonly keyPem: string; readonly clientCaPems: readonly string[] };
    /** Largest request in bytes. Default 10 MiB. */
    readonly maxRequestBytes?: number;
  };
  /** Health, metrics, log levels and version over HTTP. Absent: no such port. */
  readonly operations?: OperationsConfig;
  /** What puts messages in order. Default "embedded": this node alone. "jetstream": all nodes that share the servers. */
  readonly ordering?: { readonly engine: "embedded" } | ({ readonly engine: "jetstream" } & JetStreamSettings);
  /**
   * With "jetstream": the network that this orderer belongs to, the same at all its orderers. Networks whose orderers
   * have one authority and share NATS servers are told apart by it. Absent: such an authority has one network.
   */
  readonly networkId?: string;
  /** Default "adaptive". */
  readonly batching?: Batching;
  /** Of adaptive batching, as it is to be now. Default: by how busy the machine is. */
  readonly pace?: () => PaceSettings;
  /** Why this node must not begin to order a channel; undefined when it may. Asked before each join. */
  readonly refuses?: (channel: ChannelConfig) => string | undefined;
  /** Called for each channel once this node orders it: at start, and after a join. */
  readonly onChannel?: (channel: ChannelConfig) => void;
  /** How far the clock of a Deliver client may be off. Default 15 minutes. */
  readonly timeWindowMs?: number;
  /** Recent blocks kept in memory for followers, bytes per channel. Default 8 MiB. */
  readonly tailCacheBytes?: number;
  /** Messages accepted and not yet durable, per channel, above which senders wait. Default 5,000. */
  readonly maxBacklogMessages?: number;
  /** How much of each strand's end is checked at start. Default 1 GiB; the rest is checked when it is read. */
  readonly verifyBytes?: number;
  /** When members' peers are asked to sign digests, and how many signed ones are kept. */
  readonly witnesses?: Partial<WitnessSettings>;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
};

type Optional = "dataFolder" | "networkId" | "operations" | "refuses" | "onChannel";

/** The configuration with every default in place, frozen. */
export type ResolvedConfig = Readonly<
  Required<Omit<OrdererConfig, Optional | "admin" | "witnesses">> &
    Pick<OrdererConfig, Optional> & {
      readonly witnesses: WitnessSettings;
      readonly admin: (NonNullable<OrdererConfig["admin"]> & { readonly maxRequestBytes: number }) | undefined;
    }
>;

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** @throws HansaError ORDERER_CONFIG naming the field, the value found and the values allowed */
export function resolveConfig(config: OrdererConfig): ResolvedConfig {
  const batching = config.batching ?? "adaptive";
  if (batching !== "adaptive" && batching !== "fabric") throw wrong("batching", batching, '"adaptive" or "fabric"');
  const ordering = config.ordering ?? { engine: "embedded" };
  if (ordering.engine === "jetstream") checkSettings(ordering);
  else if (ordering.engine !== "embedded") {
    throw wrong("ordering.engine", (ordering as { engine: unknown }).engine, '"embedded" or "jetstream"');
  }
  for (const [field, value] of [
    ["timeWindowMs", config.timeWindowMs],
    ["tailCacheBytes", config.tailCacheBytes],
    ["maxBacklogMessages", config.maxBacklogMessages],
    ["verifyBytes", config.verifyBytes],
    ...Object.entries(config.witnesses ?? {}).map(([name, value]) => [`witnesses.${name}`, value] as const),
    ["admin.maxRequestBytes", config.admin?.maxRequestBytes],
  ] as const) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) throw wrong(field, value, "a number from 0 up");
  }
  for (const [field, address] of [
    ["listen.address", config.listen.address],
    ["admin.address", config.admin?.address],
  ] as const) {
    if (address !== undefined && !/^.+:\d{1,5}$/.test(address)) throw wrong(field, address, '"host:port"');
  }
  return Object.freeze({
    name: config.name ?? "orderer",
    dataFolder: config.dataFolder,
    identity: config.identity,
    listen: Object.freeze({ ...config.listen }),
    admin: config.admin && Object.freeze({ maxRequestBytes: 10 * MIB, ...config.admin }),
    operations: config.operations,
    ordering: Object.freeze({ ...ordering }),
    networkId: config.networkId,
    batching,
    pace: config.pace ?? machinePace(),
    refuses: config.refuses,
    onChannel: config.onChannel,
    timeWindowMs: config.timeWindowMs ?? 15 * MINUTE_MS,
    tailCacheBytes: config.tailCacheBytes ?? 8 * MIB,
    maxBacklogMessages: config.maxBacklogMessages ?? 5_000,
    verifyBytes: config.verifyBytes ?? 1024 * MIB,
    witnesses: Object.freeze({ ...WITNESS_DEFAULTS, ...config.witnesses }),
    logger: config.logger ?? silentLogger,
    clock: config.clock ?? systemClock,
    random: config.random ?? systemRandom,
  });
}

function wrong(field: string, found: unknown, allowed: string): HansaError {
  return new HansaError("ORDERER_CONFIG", `${field} is ${JSON.stringify(found)}; it must be ${allowed}`, {
    nextStep: "correct the orderer's configuration",
  });
}
