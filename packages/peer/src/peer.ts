/**
 * Puts a peer together: identity, chaincodes, channels, services. It decides nothing; it hands each part what it needs.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ChannelConfig } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import {
  AccessControl,
  ChaincodeRegistry,
  ConfigChaincode,
  createEndorser,
  type EndorserChannel,
  Invoker,
  LifecycleChaincode,
  ProposalRejected,
  QueryChaincode,
  type SystemChaincode,
} from "@hansa/endorsement/chaincode";
import {
  chaincodeDefinition,
  LIFECYCLE_NAMESPACE,
  listDefinitions,
  RunnableChaincodes,
  readSequence,
} from "@hansa/endorsement/lifecycle";
import { firstBlock } from "@hansa/ledger";
import { createSigningIdentity, Msp, MspManager } from "@hansa/msp";
import { HansaError, messageOf, systemClock, systemRandom } from "@hansa/primitives";
import { ClientRoots, GrpcStatus, RpcServer, RpcStatus } from "@hansa/transport";
import { encode, protos, services } from "@hansa/wire";
import { DialIn } from "./chaincode/builders/dial-in.js";
import { ContractDevelopment } from "./chaincode/development.js";
import { DocumentIndexes } from "./chaincode/document-indexes.js";
import { KeepRunning } from "./chaincode/keep-running.js";
import { PackageStore } from "./chaincode/package-store.js";
import { ChaincodeRuntime } from "./chaincode/runtime.js";
import { registerHandler } from "./chaincode/support-service.js";
import type { PeerChannel } from "./channel.js";
import { ChannelSet } from "./channels.js";
import { CHAINCODE_DEFAULTS, LIMIT_DEFAULTS, type PeerConfig } from "./config.js";
import { mountDiscovery } from "./discovery/mount.js";
import { installedChaincodes } from "./installed-chaincodes.js";
import { type OperationsSources, PeerMeasures, startOperations } from "./measures.js";
import type { Membership } from "./membership/membership.js";
import { createDialer, createJournalDialer, type DialerOptions } from "./orderer-dialer.js";
import { PrivateDataExchange } from "./private-data/private-data.js";
import type { RunningPeer } from "./running-peer.js";
import { type DeliverChannel, DeliverService } from "./services/deliver.js";
import { endorsementStream } from "./services/endorsement-stream.js";
import { Explanations } from "./services/explanations.js";
import { blockWithPrivateData } from "./services/private-blocks.js";
import { snapshotHandlers } from "./snapshots/service.js";
import { Evidence } from "./witness/evidence.js";
import { WitnessFollowing } from "./witness/following.js";

const STOP_GRACE_MS = 500;
/** Each may read many blocks. */
const CONCURRENT_EXPLANATIONS = 16;

/**
 * Starts a peer: chaincodes and channels that it knew before come back.
 * @throws HansaError PORT_IN_USE, STORE_CORRUPT; CryptoError or MspError for an identity that does not fit
 */
export async function startPeer(config: PeerConfig): Promise<RunningPeer> {
  const { dataDirectory, tls } = config;
  const clock = config.clock ?? systemClock;
  const random = config.random ?? systemRandom;
  const chaincodeConfig = { ...CHAINCODE_DEFAULTS, ...config.chaincode };
  const limits = { ...LIMIT_DEFAULTS, ...config.limits };
  const logger = config.logger;
  /** By the names that Fabric has for these parts, so that its log specifications fit. */
  const part = (name: string) => logger.child({ logger: name });
  const { mspId } = config.identity;
  const signer = createSigningIdentity(mspId, config.identity.certPem, privateKeyFromPem(config.identity.keyPem));
  const localMsp = new MspManager([Msp.fromConfig(config.localMsp)]);
  const self = localMsp.identity(signer.serialized);
  if (self.flaw !== undefined) throw self.flaw;

  // Below it lies private data, in files that their libraries open to everybody.
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const chaincodeDirectory = join(dataDirectory, "chaincodes");
  const packages = await PackageStore.open(join(chaincodeDirectory, "packages"), logger);
  const measures = new PeerMeasures();
  const { metrics } = measures;
  const registry = new ChaincodeRegistry({
    clock,
    meter: metrics.chaincode,
    every: (ms, run) => {
      const timer = setInterval(run, ms).unref();
      return () => clearInterval(timer);
    },
    onStuck: (packageId) => development.reportStuck(packageId) || runtime.restart(packageId),
    isDebugged: (packageId) => development.isDebugged(packageId),
    accepts: (name) => packages.get(name) !== undefined || isCommitted(name, channels?.all() ?? []),
    logger: part("chaincode"),
  });
  let channels: ChannelSet | undefined;
  let chaincodeAddress = "";
  const { externalBuilders } = chaincodeConfig;
  const dialIn =
    externalBuilders.length === 0
      ? undefined
      : await DialIn.open(chaincodeConfig.dialIn, tls !== undefined, { registry, clock, logger });
  const runtime = new ChaincodeRuntime({
    directory: chaincodeDirectory,
    packages,
    registry,
    mspId,
    logLevel: chaincodeConfig.logLevel,
    execution: chaincodeConfig.execution,
    maxMemoryMb: chaincodeConfig.maxMemoryMb,
    logger: part("chaincode"),
    listenAddress: () => chaincodeAddress,
    buildTimeoutMs: chaincodeConfig.buildTimeoutMs,
    startupTimeoutMs: chaincodeConfig.startupTimeoutMs,
    ...(dialIn === undefined ? {} : { external: { builders: externalBuilders, dialIn } }),
  });
  const development = new ContractDevelopment({
    registry,
    mspId,
    definition: (channelId, name) => {
      const channel = channels?.get(channelId);
      const found = channel && findRunnable(channel, name);
      return found && { ...found.definition, isApproved: found.isApproved };
    },
    file: join(chaincodeDirectory, "development.json"),
    logger: part("chaincode"),
  });
  const chaincodeServer = new RpcServer({ logger });
  chaincodeServer.addService(services.ChaincodeSupport, {
    Register: registerHandler({
      registry,
      packageOf: (authority) => runtime.packageOf(authority),
      developed: (authority) => development.admit(authority),
      allowAttach: chaincodeConfig.allowAttach,
    }),
  });
  requireLoopback(chaincodeConfig.listenAddress);
  chaincodeServer.addService(services.ContractDevelopment, { Develop: development.develop });
  chaincodeAddress = (await chaincodeServer.listen(chaincodeConfig.listenAddress)).address;

  const runnable = new RunnableChaincodes(mspId, () => packages.list().map(({ packageId }) => packageId));
  const indexes = new DocumentIndexes(packages, logger, (packageId) => runtime.releasedFiles(packageId));
  const keepRunning = new KeepRunning({
    mspId,
    packages,
    runtime,
    indexes,
    runnable,
    channels: () => channels?.all() ?? [],
    logger,
  });
  let membership: Membership | undefined;
  const othersOn = (channel: ChannelConfig | undefined) => (channel && membership?.peers(channel)) ?? [];
  const privateData = new PrivateDataExchange({
    signer,
    self,
    channel: (channelId) => channels?.get(channelId),
    others: othersOn,
    reconcile: config.reconcile,
    windowMs: limits.authenticationWindowMs,
    clock,
    random,
    logger,
  });
  const { holds } = privateData;
  const explanations = new Explanations({
    channel: (channelId) => channels?.get(channelId),
    holds: (channel, namespace, collection) => holds(channel.ledger.state, namespace, collection),
    others: (channel) => othersOn(channel.config()),
    asked: (channelId, block) => privateData.asked.of(channelId, block),
    self: () => ({ mspId, address: peer.address }),
    clock,
    windowMs: limits.authenticationWindowMs,
    logger,
  });
  const endorserChannels = new Map<string, EndorserChannel>();
  const watched: PeerChannel[] = [];
  const evidence = new Evidence({
    folder: join(dataDirectory, "evidence"),
    by: config.name,
    clock,
    logger: part("witness"),
    onAlarm: (alarm) => config.onAlarm?.(alarm),
  });
  evidence.follow(() => {
    for (const channel of channels?.all() ?? []) channel.recheckSources();
  });
  const dialing: DialerOptions = {
    signer,
    tls: tls && { ...tls, ...config.clientTls },
    overrides: config.ordererOverrides ?? {},
    connectTimeoutMs: limits.ordererConnectTimeoutMs,
    clock,
    random,
  };
  const connectJournal = createJournalDialer(dialing);
  const clientRoots = tls?.requireClientCert === true ? new ClientRoots(tls) : undefined;
  const witnesses = new Map<string, WitnessFollowing>();
  const witnessOf = (channel: PeerChannel) =>
    new WitnessFollowing({
      channel,
      signer,
      file: config.stores === "memory" ? undefined : join(dataDirectory, "channels", channel.channelId, "witness"),
      evidence,
      connect: (source) => connectJournal(source, channel.config()),
      logger: part("witness"),
    });
  channels = await ChannelSet.open({
    directory: join(dataDirectory, "channels"),
    stores: config.stores ?? "disk",
    snapshots: config.snapshotsDirectory ?? join(dataDirectory, "snapshots"),
    openStream: createDialer(dialing),
    trusts: (channelId, address) => evidence.trusts(channelId, address),
    onFork: (channel, block, source, reason) => {
      const keep = async () => {
        const held = await channel.block(channel.height() - 1);
        await evidence.blocks(channel.channelId, source.address, `it has signed a block whose ${reason}`, held, block);
      };
      keep().catch((error: unknown) => logger.error("evidence of a fork cannot be kept", { reason: messageOf(error) }));
    },
    holds,
    fetchPrivate: privateData.fetch,
    measures,
    onOpen: (channel) => {
      endorserChannels.set(channel.channelId, endorserChannel(channel, privateData.passOn));
      witnesses.set(channel.channelId, witnessOf(channel));
      explanations.watch(channel);
      privateData.follow(channel);
      channel.onCommit(() => membership?.changed());
      followClientRoots(clientRoots, channel);
      membership?.changed();
      if (channels === undefined) watched.push(channel);
      else keepRunning.watch(channel);
    },
    clock,
    logger: part("committer"),
  }).catch(async (error) => {
    registry.stop();
    stopWitnesses();
    await Promise.all([chaincodeServer.stop({ graceMs: 0 }), dialIn?.stop()]);
    throw error;
  });
  const channelSet = channels;
  function stopWitnesses(): void {
    for (const witness of witnesses.values()) witness.stop();
    evidence.stop();
  }
  for (const channel of watched) keepRunning.watch(channel);

  const channelOf = (channelId: string) => endorserChannels.get(channelId);
  const channelIds = () => channelSet.ids();
  const access = new AccessControl({ localMsp, mspId, config: (channelId) => channelSet.get(channelId)?.config() });
  const system: SystemChaincode[] = [
    new LifecycleChaincode({
      mspId,
      access,
      channel: channelOf,
      channelIds,
      installed: installedChaincodes(packages, runtime, logger),
      runnable,
    }),
    new ConfigChaincode({
      access,
      channel: channelOf,
      channelIds,
      join: async (_channelId, genesis) => void (await channelSet.join(genesis)),
      joinBySnapshot: async (folder) => void (await channelSet.snapshotJoin.begin(folder)),
      joiningSnapshot: () => channelSet.snapshotJoin.folder,
    }),
    new QueryChaincode({ access, channel: channelOf }),
  ];
  const invoker = new Invoker({
    channel: channelOf,
    access,
    runnable,
    processes: measures.processes({
      inPlaceOf: (channelId, name) => development.packageOf(channelId, name),
      isReady: (packageId) => registry.isReady(packageId),
      launch: (packageId) => development.launch(packageId) ?? runtime.launch(packageId),
      execute: (packageId, call) => registry.execute(packageId, call),
    }),
    system: new Map(system.map((each) => [each.name, each])),
    executeTimeoutMs: chaincodeConfig.executeTimeoutMs,
    onUnindexedQuery: firstTimeOnly((channel, chaincode, collection, fields) =>
      logger.warn("rich query without a matching index looks at every document", {
        channel,
        chaincode,
        collection,
        fields,
      }),
    ),
  });
  const endorser = createEndorser({
    signer,
    localMsp,
    channel: channelOf,
    access,
    invoker,
    clock,
    meter: metrics.endorser,
  });
  const endorseLocal = async (signedProposal: Uint8Array): Promise<Uint8Array> => {
    try {
      return encode(protos.ProposalResponse, await endorser.process(signedProposal));
    } catch (error) {
      // Go sends errors that name no code as UNKNOWN, and clients match on the text.
      if (error instanceof ProposalRejected) throw new RpcStatus(GrpcStatus.UNKNOWN, error.message);
      throw error;
    }
  };

  const server = new RpcServer({ tls, meter: metrics.grpc, logger: part("comm.grpc.server") });
  const deliver = new DeliverService({
    channel: (channelId) => {
      const channel = channelSet.get(channelId);
      return channel && deliverChannel(channel);
    },
    clock,
    logger: part("common.deliver"),
    timeWindowMs: limits.authenticationWindowMs,
    mutualTls: tls?.requireClientCert ?? false,
    meter: metrics.deliver,
  });
  server.addService(
    services.Endorser,
    { ProcessProposal: endorseLocal },
    { maxConcurrentCalls: limits.endorserConcurrency },
  );
  const requests = (channelId: string) => channelSet.snapshotsOf(channelId);
  server.addService(services.Snapshot, snapshotHandlers({ access, localMsp, requests, clock }));
  server.addService(services.Endorsements, {
    Stream: endorsementStream(endorseLocal, limits.endorserConcurrency),
  });
  server.addService(
    services.Explanations,
    { Explain: explanations.explain },
    { maxConcurrentCalls: CONCURRENT_EXPLANATIONS },
  );
  privateData.mount(server);
  server.addService(
    services.Deliver,
    {
      Deliver: (incoming, context, send) => deliver.handle("block", incoming, context, send),
      DeliverFiltered: (incoming, context, send) => deliver.handle("filtered", incoming, context, send),
      DeliverWithPrivateData: (incoming, context, send) => deliver.handle("private", incoming, context, send),
    },
    { maxConcurrentCalls: limits.deliverConcurrency },
  );

  const required = (channelId: string): PeerChannel => {
    const channel = channelSet.get(channelId);
    if (channel === undefined) {
      throw new HansaError("UNKNOWN_CHANNEL", `${config.name} has not joined channel "${channelId}"`, {
        nextStep: `Its channels: ${channelSet.ids().join(", ") || "none"}.`,
      });
    }
    return channel;
  };
  const findRunnable = (channel: PeerChannel, name: string) => {
    const { state } = channel.ledger;
    const sequence = readSequence((key) => state.get(LIFECYCLE_NAMESPACE, key)?.value, name);
    return sequence === 0 ? undefined : runnable.find(channel.channelId, name, sequence, state);
  };
  const hasChaincode = (channelId: string, name: string): boolean => {
    const channel = channelSet.get(channelId);
    const found = channel && findRunnable(channel, name);
    if (found === undefined || !found.isApproved) return false;
    return found.packageId !== undefined || registry.isReady(`${name}:${found.definition.version}`);
  };

  const definitionOf = (channelId: string, name: string) => {
    const channel = channelSet.get(channelId);
    return channel && findRunnable(channel, name)?.definition;
  };
  const found = mountDiscovery({
    config,
    signer,
    localMsp,
    server,
    channels: () => channelSet.all(),
    definition: definitionOf,
    hasChaincode,
    address: () => peer.address,
    clock,
    windowMs: limits.authenticationWindowMs,
  });
  membership = found;

  let listenAddress = config.listenAddress;
  let operations: Awaited<ReturnType<typeof startOperations>> | undefined;
  let stopping: Promise<void> | undefined;
  const peer: RunningPeer = {
    name: config.name,
    mspId,
    get address() {
      return config.externalAddress ?? listenAddress;
    },
    identity: signer.serialized,
    signer,
    chaincodeAddress,
    get operationsUrl() {
      return operations?.url;
    },
    server,
    join: async (genesis) => (await channelSet.join(genesis)).channelId,
    joinBySnapshot: async (folder) => (await channelSet.snapshotJoin.begin(folder)).joined,
    pausedChannelIds: () => channelSet.pausedIds(),
    snapshots: (channelId) => channelSet.snapshotsOf(channelId),
    channelIds,
    channel: (channelId) => channelSet.get(channelId)?.config(),
    channelFailure: (channelId) => channelSet.get(channelId)?.failure,
    alarms: () => evidence.alarms,
    witnessedTip: (channelId) => witnesses.get(channelId)?.signedTip,
    endorseLocal,
    definition: definitionOf,
    hasChaincode,
    others: (channelId) => {
      const channel = channelSet.get(channelId)?.config();
      return channel === undefined ? [] : [...found.peers(channel), ...found.foreign(channel)];
    },
    exchangeMembership: async (question) => found.answer(question),
    isDebugging: () => development.isDebugging,
    runnableChaincodes: async (channelId) => {
      const definitions = await listDefinitions(required(channelId).ledger.state);
      return definitions.map(({ name }) => name).filter((name) => hasChaincode(channelId, name));
    },
    ledgerHeight: (channelId) => channelSet.get(channelId)?.height() ?? 0,
    commitStatus: async (channelId, txId, signal) => required(channelId).waitForStatus(txId, signal),
    explainFailure: (channelId, chaincode, failure) => explanations.failure(channelId, chaincode, failure),
    blockOfTransaction: (channelId, txId) => channelSet.get(channelId)?.status(txId)?.blockNumber,
    block: async (channelId, number) => required(channelId).block(number),
    blocks: (channelId, from, signal) => blocksOf(required(channelId), from, signal),
    onCommit: (channelId, listener) => required(channelId).onCommit(listener),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };

  const operationsSources = (): OperationsSources => ({
    channels: () =>
      channelSet.all().map((channel) => ({
        channelId: channel.channelId,
        height: channel.height(),
        failure: channel.failure,
        witnessedTip: witnesses.get(channel.channelId)?.signedTip,
      })),
    alarms: () => evidence.alarms.length,
    logger,
  });

  async function stop(): Promise<void> {
    found.stop();
    const serverStopped = server.stop({ graceMs: STOP_GRACE_MS });
    await keepRunning.stop();
    stopWitnesses();
    await privateData.stop();
    await channelSet.stop();
    await runtime.stop();
    await development.close();
    registry.stop();
    await Promise.all([serverStopped, chaincodeServer.stop({ graceMs: 0 }), dialIn?.stop(), operations?.stop()]);
    logger.info("peer stopped", { peer: config.name });
  }

  config.mount?.(peer);
  try {
    listenAddress = (await server.listen(config.listenAddress)).address;
    await development.open(chaincodeAddress);
    clientRoots?.attach(server);
    operations = config.operations && (await startOperations(config.operations, measures, operationsSources()));
  } catch (error) {
    await peer.stop();
    throw error;
  }
  found.start();
  logger.info("peer started", { peer: config.name, address: peer.address, channels: channelSet.ids().length });
  return peer;
}

/** Whether "name:version" is a committed definition, under which a chaincode may attach by itself. */
function isCommitted(instance: string, channels: readonly PeerChannel[]): boolean {
  const [name = "", version] = instance.split(":", 2);
  return channels.some(({ ledger }) => chaincodeDefinition(ledger.state, name)?.version === version);
}

function endorserChannel(channel: PeerChannel, passOn: EndorserChannel["persistPrivate"]): EndorserChannel {
  return {
    channelId: channel.channelId,
    get config() {
      return channel.config();
    },
    ledger: channel.ledger,
    persistPrivate: async (writes) => {
      await channel.transient.persist(writes.txId, writes.height, writes.bytes);
      await passOn(writes);
    },
  };
}

function deliverChannel(channel: PeerChannel): DeliverChannel {
  return {
    channelId: channel.channelId,
    height: () => channel.height(),
    firstBlock: () => firstBlock(channel.ledger.blocks),
    config: () => channel.config(),
    block: (number) => channel.block(number),
    waitFor: (number, signal) => channel.waitFor(number, signal),
    blockWithPrivateData: (number, request) => blockWithPrivateData(channel, number, request),
  };
}

async function* blocksOf(channel: PeerChannel, from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let number = from; await channel.waitFor(number, signal); number++) yield channel.block(number);
}

/** Members of a channel may call with certificates of their own TLS authorities, as its configuration has them. */
function followClientRoots(roots: ClientRoots | undefined, channel: PeerChannel): void {
  if (roots === undefined) return;
  let known: ChannelConfig | undefined;
  const look = (config: ChannelConfig) => {
    if (config === known) return;
    known = config;
    roots.set(channel.channelId, config.allTlsRoots());
  };
  look(channel.config());
  channel.onCommit((_block, config) => look(config));
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

const MOST_NOTED = 1_000;

/** Says a thing once: a contract that queries so does it all the time. */
function firstTimeOnly(
  say: (...names: [string, string, string, string]) => void,
): (...names: [string, string, string, string]) => void {
  const said = new Set<string>();
  return (...names) => {
    const key = names.join("\n");
    if (said.has(key) || said.size >= MOST_NOTED) return;
    said.add(key);
    say(...names);
  };
}
