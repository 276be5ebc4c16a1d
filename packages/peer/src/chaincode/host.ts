/** What runs a peer's chaincodes: their packages, their processes, and the address at which they dial in. */
import { join } from "node:path";
import { ChaincodeRegistry } from "@hansa/endorsement/chaincode";
import {
  chaincodeDefinition,
  LIFECYCLE_NAMESPACE,
  RunnableChaincodes,
  readSequence,
} from "@hansa/endorsement/lifecycle";
import { type Clock, HansaError, type Logger } from "@hansa/primitives";
import { RpcServer } from "@hansa/transport";
import { services } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import type { ChaincodeConfig } from "../config.js";
import type { PeerMeasures } from "../measures.js";
import { DialIn } from "./builders/dial-in.js";
import { ContractDevelopment } from "./development.js";
import { PackageStore } from "./package-store.js";
import { ChaincodeRuntime } from "./runtime.js";
import { registerHandler } from "./support-service.js";

export type ChaincodeHostOptions = {
  readonly mspId: string;
  readonly config: ChaincodeConfig;
  readonly directory: string;
  /** Whether the peer speaks TLS: chaincodes of external builders then do, too. */
  readonly isTls: boolean;
  /** The peer's channels, as they are at the time. */
  readonly channels: () => readonly PeerChannel[];
  readonly meter: PeerMeasures["metrics"]["chaincode"];
  readonly clock: Clock;
  readonly logger: Logger;
  /** For what chaincodes do. */
  readonly chaincodeLogger: Logger;
};

export type ChaincodeHost = {
  readonly packages: PackageStore;
  readonly registry: ChaincodeRegistry;
  readonly runtime: ChaincodeRuntime;
  readonly development: ContractDevelopment;
  readonly runnable: RunnableChaincodes;
  /** Where chaincodes dial in, host:port. */
  readonly address: string;
  /** What a channel's definition of this name means at this peer; undefined when there is none. */
  find(channel: PeerChannel, name: string): ReturnType<RunnableChaincodes["find"]>;
  /** Whether calls of the chaincode can be endorsed here. */
  has(channel: PeerChannel, name: string): boolean;
  stop(): Promise<void>;
};

/** @throws HansaError STORE_CORRUPT, PORT_IN_USE, CHAINCODE_ADDRESS_NOT_LOCAL */
export async function openChaincodeHost(options: ChaincodeHostOptions): Promise<ChaincodeHost> {
  const { mspId, config, directory, clock, logger, chaincodeLogger, channels } = options;
  requireLoopback(config.listenAddress);
  const packages = await PackageStore.open(join(directory, "packages"), logger);
  const runnable = new RunnableChaincodes(mspId, () => packages.list().map(({ packageId }) => packageId));
  const find: ChaincodeHost["find"] = (channel, name) => {
    const { state } = channel.ledger;
    const sequence = readSequence((key) => state.get(LIFECYCLE_NAMESPACE, key)?.value, name);
    return sequence === 0 ? undefined : runnable.find(channel.channelId, name, sequence, state);
  };
  const registry = new ChaincodeRegistry({
    clock,
    meter: options.meter,
    every: (ms, run) => {
      const timer = setInterval(run, ms).unref();
      return () => clearInterval(timer);
    },
    onStuck: (packageId) => development.reportStuck(packageId) || runtime.restart(packageId),
    isDebugged: (packageId) => development.isDebugged(packageId),
    accepts: (name) => packages.get(name) !== undefined || isCommitted(name, channels()),
    logger: chaincodeLogger,
  });
  const { externalBuilders } = config;
  const dialIn =
    externalBuilders.length === 0
      ? undefined
      : await DialIn.open(config.dialIn, options.isTls, { registry, clock, logger });
  let address = "";
  const runtime = new ChaincodeRuntime({
    directory,
    packages,
    registry,
    mspId,
    logLevel: config.logLevel,
    execution: config.execution,
    maxMemoryMb: config.maxMemoryMb,
    logger: chaincodeLogger,
    listenAddress: () => address,
    buildTimeoutMs: config.buildTimeoutMs,
    startupTimeoutMs: config.startupTimeoutMs,
    ...(dialIn === undefined ? {} : { external: { builders: externalBuilders, dialIn } }),
  });
  const development = new ContractDevelopment({
    registry,
    mspId,
    definition: (channelId, name) => {
      const channel = channels().find((each) => each.channelId === channelId);
      const found = channel && find(channel, name);
      return found && { ...found.definition, isApproved: found.isApproved };
    },
    file: join(directory, "development.json"),
    logger: chaincodeLogger,
  });
  const server = new RpcServer({ logger });
  server.addService(services.ChaincodeSupport, {
    Register: registerHandler({
      registry,
      packageOf: (authority) => runtime.packageOf(authority),
      developed: (authority) => development.admit(authority),
      allowAttach: config.allowAttach,
    }),
  });
  server.addService(services.ContractDevelopment, { Develop: development.develop });
  address = (await server.listen(config.listenAddress)).address;
  return {
    packages,
    registry,
    runtime,
    development,
    runnable,
    address,
    find,
    has: (channel, name) => {
      const found = find(channel, name);
      if (found === undefined || !found.isApproved) return false;
      return found.packageId !== undefined || registry.isReady(`${name}:${found.definition.version}`);
    },
    stop: async () => {
      await runtime.stop();
      await development.close();
      registry.stop();
      await Promise.all([server.stop({ graceMs: 0 }), dialIn?.stop()]);
    },
  };
}

/** Whether "name:version" is a committed definition, under which a chaincode may attach by itself. */
function isCommitted(instance: string, channels: readonly PeerChannel[]): boolean {
  const [name = "", version] = instance.split(":", 2);
  return channels.some(({ ledger }) => chaincodeDefinition(ledger.state, name)?.version === version);
}

/** Chaincodes dial in without TLS; what they carry must not leave the machine. */
function requireLoopback(address: string): void {
  if (/^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$/.test(address)) return;
  throw new HansaError(
    "CHAINCODE_ADDRESS_NOT_LOCAL",
    `chaincodes cannot dial in at ${address}: it is no loopback address`,
    {
      nextStep: "Use 127.0.0.1; chaincodes on other machines run as a service, and the peer dials them.",
    },
  );
}
