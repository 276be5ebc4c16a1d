/**
 * Puts a peer together: identity, chaincodes, channels, services. It decides nothing; it hands each part what it needs.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ChannelConfig } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import {
  AccessControl,
  ConfigChaincode,
  createEndorser,
  type EndorserChannel,
  Invoker,
  LegacyLifecycleChaincode,
  LifecycleChaincode,
  ProposalRejected,
  QueryChaincode,
  type SystemChaincode,
} from "@hansa/endorsement/chaincode";
import { listDefinitions } from "@hansa/endorsement/lifecycle";
import { createSigningIdentity, Msp, MspManager } from "@hansa/msp";
import { HansaError, systemClock, systemRandom } from "@hansa/primitives";
import { ClientRoots, GrpcStatus, RpcServer, RpcStatus } from "@hansa/transport";
import { encode, protos, services } from "@hansa/wire";
import { DocumentIndexes } from "./chaincode/document-indexes.js";
import { openChaincodeHost } from "./chaincode/host.js";
import { KeepRunning } from "./chaincode/keep-running.js";
import type { PeerChannel } from "./channel.js";
import { blocksOf, deliverChannel, endorserChannel, followClientRoots, followConfig } from "./channel-views.js";
import { ChannelSet } from "./channels.js";
import { CHAINCODE_DEFAULTS, LIMIT_DEFAULTS, type PeerConfig } from "./config.js";
import { mountDiscovery } from "./discovery/mount.js";
import { installedChaincodes } from "./installed-chaincodes.js";
import { type OperationsSources, PeerMeasures, startOperations } from "./measures.js";
import type { Membership } from "./membership/membership.js";
import { createDialer, type DialerOptions } from "./orderer-dialer.js";
import { PrivateDataExchange } from "./private-data/private-data.js";
import type { RunningPeer } from "./running-peer.js";
import { DeliverService } from "./services/deliver.js";
import { endorsementStream } from "./services/endorsement-stream.js";
import { Explanations } from "./services/explanations.js";
import { snapshotHandlers } from "./snapshots/service.js";
import { Witnesses } from "./witness/witnesses.js";

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
  const measures = new PeerMeasures();
  const { metrics } = measures;
  let channels: ChannelSet | undefined;
  const host = await openChaincodeHost({
    mspId,
    config: chaincodeConfig,
    directory: join(dataDirectory, "chaincodes"),
    isTls: tls !== undefined,
    channels: () => channels?.all() ?? [],
    meter: metrics.chaincode,
    clock,
    logger,
    chaincodeLogger: part("chaincode"),
  });
  const { packages, registry, runtime, development, runnable } = host;

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
  const dialing: DialerOptions = {
    signer,
    tls: tls && { ...tls, ...config.clientTls },
    overrides: config.ordererOverrides ?? {},
    connectTimeoutMs: limits.ordererConnectTimeoutMs,
    clock,
    random,
  };
  const witnesses = new Witnesses({ config, signer, dialing, clock, logger: part("witness") });
  const clientRoots = tls?.requireClientCert === true ? new ClientRoots(tls) : undefined;
  channels = await ChannelSet.open({
    directory: join(dataDirectory, "channels"),
    stores: config.stores ?? "disk",
    snapshots: config.snapshotsDirectory ?? join(dataDirectory, "snapshots"),
    openStream: createDialer(dialing),
    trusts: (channelId, address) => witnesses.trusts(channelId, address),
    onFork: (channel, block, source, reason) => witnesses.forked(channel, block, source, reason),
    holds,
    fetchPrivate: privateData.fetch,
    measures,
    onOpen: (channel) => {
      endorserChannels.set(channel.channelId, endorserChannel(channel, privateData.passOn));
      witnesses.watch(channel);
      explanations.watch(channel);
      privateData.follow(channel);
      channel.onCommit(() => membership?.changed());
      followClientRoots(clientRoots, channel);
      followConfig(channel, () => membership?.configured());
      if (channels === undefined) watched.push(channel);
      else keepRunning.watch(channel);
    },
    clock,
    logger: part("committer"),
  }).catch(async (error) => {
    witnesses.stop();
    await host.stop();
    throw error;
  });
  const channelSet = channels;
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
    new LegacyLifecycleChaincode(access),
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
  const hasChaincode = (channelId: string, name: string): boolean => {
    const channel = channelSet.get(channelId);
    return channel !== undefined && host.has(channel, name);
  };
  const definitionOf = (channelId: string, name: string) => {
    const channel = channelSet.get(channelId);
    return channel && host.find(channel, name)?.definition;
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
    chaincodeAddress: host.address,
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
    alarms: () => witnesses.alarms,
    witnessedTip: (channelId) => witnesses.signedTip(channelId),
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
        witnessedTip: witnesses.signedTip(channel.channelId),
      })),
    alarms: () => witnesses.alarms.length,
    logger,
  });

  async function stop(): Promise<void> {
    found.stop();
    const serverStopped = server.stop({ graceMs: STOP_GRACE_MS });
    await keepRunning.stop();
    witnesses.stop();
    await privateData.stop();
    await channelSet.stop();
    await host.stop();
    await Promise.all([serverStopped, operations?.stop()]);
    logger.info("peer stopped", { peer: config.name });
  }

  config.mount?.(peer);
  try {
    listenAddress = (await server.listen(config.listenAddress)).address;
    await development.open(host.address);
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
