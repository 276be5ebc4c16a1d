/**
 * `_lifecycle`: install packages, approve and commit chaincode definitions, ask about both.
 * Each function takes one encoded lifecycle.<Function>Args and answers with an encoded lifecycle.<Function>Result.
 * Source: hyperledger/fabric, core/chaincode/lifecycle/scc.go; texts alike.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { compileSignaturePolicy } from "@hansa/msp";
import { type Bytes, HansaError, messageOf, toUtf8 } from "@hansa/primitives";
import { CANNOT_PARSE, decode, encode, lifecycle } from "@hansa/wire";
import { collectionsOf } from "../lifecycle/collections.js";
import type { ApprovedDefinition, ChaincodeDefinition } from "../lifecycle/definition.js";
import { LifecycleError, refuse } from "../lifecycle/error.js";
import { checkCollections, checkKeepsCollections, checkNameAndVersion } from "../lifecycle/input.js";
import type { RunnableChaincodes } from "../lifecycle/installed.js";
import { implicitCollection, LIFECYCLE_NAMESPACE, metadataPrefix, NAMESPACES } from "../lifecycle/keys.js";
import { listDefinitions, metadataRange, readApproval, readDefinition } from "../lifecycle/reading.js";
import { approve, checkReadiness, commit, orgApprovals, queryApproved } from "../lifecycle/rules.js";
import type { HashedKeys, WritableKeys } from "../lifecycle/stored.js";
import type { AccessControl } from "./access.js";
import type { EndorserChannel } from "./channel.js";
import type { Simulation, StateResults } from "./simulation.js";
import { type ChaincodeResponse, failed, type SystemCall, type SystemChaincode, success } from "./system-chaincode.js";

export type InstalledChaincode = { readonly packageId: string; readonly label: string };

/** The packages on this peer. */
export interface InstalledChaincodes {
  /** Checks, builds and keeps a package. @throws with Fabric's text */
  install(packageBytes: Bytes): Promise<InstalledChaincode>;
  get(packageId: string): InstalledChaincode | undefined;
  list(): readonly InstalledChaincode[];
  /** The package as it was installed; undefined when it is not. */
  load(packageId: string): Promise<Bytes | undefined>;
  /** Resolves when a package runs, at once for one that others start. @throws with the reason why it does not */
  whenRunning?(packageId: string): Promise<void>;
}

export type LifecycleChaincodeOptions = {
  /** This peer's organisation. */
  readonly mspId: string;
  readonly access: AccessControl;
  readonly channel: (channelId: string) => EndorserChannel | undefined;
  /** Channels that this peer has joined. */
  readonly channelIds: () => readonly string[];
  readonly installed: InstalledChaincodes;
  readonly runnable: RunnableChaincodes;
};

type ChannelCall = {
  readonly config: ChannelConfig;
  readonly channelId: string;
  readonly simulation: Simulation;
  readonly publicState: WritableKeys;
};

type Handler = (input: Bytes, call: SystemCall) => Bytes | Promise<Bytes>;

export class LifecycleChaincode implements SystemChaincode {
  readonly name = LIFECYCLE_NAMESPACE;
  readonly #options: LifecycleChaincodeOptions;
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(options: LifecycleChaincodeOptions) {
    this.#options = options;
    this.#handlers = new Map<string, Handler>([
      ["InstallChaincode", (input) => this.#install(input)],
      ["QueryInstalledChaincode", (input) => this.#queryInstalled(input)],
      ["QueryInstalledChaincodes", (input) => this.#queryAllInstalled(input)],
      ["AwaitInstalledChaincode", (input) => this.#awaitInstalled(input)],
      ["GetInstalledChaincodePackage", (input) => this.#getPackage(input)],
      ["ApproveChaincodeDefinitionForMyOrg", (input, call) => this.#approve(input, this.#onChannel(call))],
      ["QueryApprovedChaincodeDefinition", (input, call) => this.#queryApproved(input, this.#onChannel(call))],
      ["QueryApprovedChaincodeDefinitions", (input, call) => this.#queryAllApproved(input, this.#onChannel(call))],
      ["CheckCommitReadiness", (input, call) => this.#checkReadiness(input, this.#onChannel(call))],
      ["CommitChaincodeDefinition", (input, call) => this.#commit(input, this.#onChannel(call))],
      ["QueryChaincodeDefinition", (input, call) => this.#queryDefinition(input, this.#onChannel(call))],
      ["QueryChaincodeDefinitions", (input, call) => this.#queryAllDefinitions(input, this.#onChannel(call))],
    ]);
  }

  async invoke(call: SystemCall): Promise<ChaincodeResponse> {
    const { args, channelId, proposal } = call;
    const [name, input] = args;
    if (name === undefined) return failed("lifecycle scc must be invoked with arguments");
    if (args.length !== 2 || input === undefined) {
      return failed(`lifecycle scc operations require exactly two arguments but received ${args.length}`);
    }
    const method = toUtf8(name);
    if (channelId !== "") {
      const config = this.#options.channel(channelId)?.config;
      if (config === undefined) return failed(`could not get channelconfig for channel '${channelId}'`);
      if (!config.hasApplication) return failed(`could not get application config for channel '${channelId}'`);
      const { application } = config.capabilities;
      if (!application.has("V2_0") && !application.has("V2_5")) {
        return failed(
          `cannot use new lifecycle for channel '${channelId}' as it does not have the required capabilities enabled`,
        );
      }
    }
    const verdict = this.#options.access.check(`${LIFECYCLE_NAMESPACE}/${method}`, channelId, proposal);
    if (!verdict.ok) return failed(`Failed to authorize invocation due to failed ACL check: ${verdict.reason}`);
    try {
      const handler = this.#handlers.get(method);
      if (handler === undefined) refuse(`receiver *lifecycle.Invocation.${method} does not exist`);
      return success(await handler(input, call));
    } catch (error) {
      const isUndefined = error instanceof LifecycleError && error.fault === "NAMESPACE_NOT_DEFINED";
      if (isUndefined) return failed(error.message, 404);
      return failed(`failed to invoke backing implementation of '${method}': ${messageOf(error)}`);
    }
  }

  async #install(input: Bytes): Promise<Bytes> {
    const { chaincodeInstallPackage } = read(lifecycle.InstallChaincodeArgs, input, "InstallChaincode");
    const { installed } = this.#options;
    const known = new Set(installed.list().map((each) => each.packageId));
    const { label, packageId } = await installed.install(chaincodeInstallPackage);
    if (known.has(packageId)) refuse(`chaincode already successfully installed (package ID '${packageId}')`);
    return encode(lifecycle.InstallChaincodeResult, { label, packageId });
  }

  async #queryInstalled(input: Bytes): Promise<Bytes> {
    const { packageId } = read(lifecycle.QueryInstalledChaincodeArgs, input, "QueryInstalledChaincode");
    const found = this.#options.installed.get(packageId);
    if (found === undefined) refuse(`could not find chaincode with package id '${packageId}'`);
    const references = (await this.#references()).get(packageId) ?? {};
    return encode(lifecycle.QueryInstalledChaincodeResult, { packageId, label: found.label, references });
  }

  /** Not Fabric's: whoever deploys a contract hears that it does not start before its definition commits. */
  async #awaitInstalled(input: Bytes): Promise<Bytes> {
    const { packageId } = read(lifecycle.QueryInstalledChaincodeArgs, input, "QueryInstalledChaincode");
    const { installed } = this.#options;
    const found = installed.get(packageId);
    if (found === undefined) refuse(`could not find chaincode with package id '${packageId}'`);
    await installed.whenRunning?.(packageId);
    return encode(lifecycle.QueryInstalledChaincodeResult, { packageId, label: found.label });
  }

  async #queryAllInstalled(input: Bytes): Promise<Bytes> {
    read(lifecycle.QueryInstalledChaincodesArgs, input, "QueryInstalledChaincodes");
    const references = await this.#references();
    const installedChaincodes = this.#options.installed.list().map(({ packageId, label }) => ({
      packageId,
      label,
      references: references.get(packageId) ?? {},
    }));
    return encode(lifecycle.QueryInstalledChaincodesResult, { installedChaincodes });
  }

  async #getPackage(input: Bytes): Promise<Bytes> {
    const { packageId } = read(lifecycle.GetInstalledChaincodePackageArgs, input, "GetInstalledChaincodePackage");
    const chaincodeInstallPackage = await this.#options.installed.load(packageId);
    if (chaincodeInstallPackage === undefined) {
      refuse(`could not load cc install package: chaincode install package '${packageId}' not found`);
    }
    return encode(lifecycle.GetInstalledChaincodePackageResult, { chaincodeInstallPackage });
  }

  /** Package id → channel → the committed chaincodes that it runs there. */
  async #references() {
    type Chaincode = { name: string; version: string };
    const references = new Map<string, Record<string, { chaincodes: Chaincode[] }>>();
    for (const channelId of this.#options.channelIds()) {
      const state = this.#options.channel(channelId)?.ledger.state;
      if (state === undefined) continue;
      for (const { name, version, sequence } of await listDefinitions(state)) {
        const packageId = this.#options.runnable.find(channelId, name, sequence, state)?.packageId;
        if (packageId === undefined) continue;
        const channels = references.get(packageId) ?? {};
        references.set(packageId, channels);
        channels[channelId] ??= { chaincodes: [] };
        channels[channelId].chaincodes.push({ name, version });
      }
    }
    return references;
  }

  #approve(input: Bytes, call: ChannelCall): Bytes {
    const args = read(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, input, "ApproveChaincodeDefinitionForMyOrg");
    const definition = toDefinition(args);
    checkInput(args.collections, definition, call);
    const packageId = args.source?.localPackage?.packageId ?? "";
    approve(definition, packageId, lifecycleChannel(call), call.publicState, this.#ownState(call));
    return encode(lifecycle.ApproveChaincodeDefinitionForMyOrgResult, {});
  }

  #queryApproved(input: Bytes, call: ChannelCall): Bytes {
    const { name, sequence } = read(
      lifecycle.QueryApprovedChaincodeDefinitionArgs,
      input,
      "QueryApprovedChaincodeDefinition",
    );
    const found = queryApproved(name, Number(sequence), call.channelId, call.publicState, this.#ownState(call));
    return encode(lifecycle.QueryApprovedChaincodeDefinitionResult, approvedFields(found));
  }

  async #queryAllApproved(input: Bytes, call: ChannelCall): Promise<Bytes> {
    read(lifecycle.QueryApprovedChaincodeDefinitionsArgs, input, "QueryApprovedChaincodeDefinitions");
    const state = this.#ownState(call);
    const collection = implicitCollection(this.#options.mspId);
    const [start, end] = metadataRange(NAMESPACES);
    const names = await namesIn(call.simulation.getPrivateDataRange(LIFECYCLE_NAMESPACE, collection, start, end));
    const approvedChaincodeDefinitions = names.map((privateName) => {
      const [name = "", sequence = "", ...rest] = privateName.split("#");
      if (rest.length > 0 || !/^\d+$/.test(sequence)) {
        refuse(
          `could not extract chaincode name and sequence number from metadata: ${privateName}: invalid private name format: ${privateName}`,
        );
      }
      const found = readApproval((key) => state.get(key), name, Number(sequence));
      return { name, ...(found && approvedFields(found)) };
    });
    return encode(lifecycle.QueryApprovedChaincodeDefinitionsResult, { approvedChaincodeDefinitions });
  }

  #checkReadiness(input: Bytes, call: ChannelCall): Bytes {
    const args = read(lifecycle.CheckCommitReadinessArgs, input, "CheckCommitReadiness");
    const orgs = hashedStates(call);
    const { approvals, mismatches } = checkReadiness(
      toDefinition(args),
      lifecycleChannel(call),
      call.publicState,
      orgs,
    );
    return encode(lifecycle.CheckCommitReadinessResult, {
      approvals: Object.fromEntries([...approvals].sort(byKey)),
      mismatches: Object.fromEntries([...mismatches].sort(byKey).map(([org, items]) => [org, { items: [...items] }])),
    });
  }

  #commit(input: Bytes, call: ChannelCall): Bytes {
    const args = read(lifecycle.CommitChaincodeDefinitionArgs, input, "CommitChaincodeDefinition");
    const definition = toDefinition(args);
    checkInput(args.collections, definition, call);
    const { mspId } = this.#options;
    const orgs = hashedStates(call);
    if (!orgs.some((org) => org.mspId === mspId)) {
      refuse("impossibly, this peer's org is processing requests for a channel it is not a member of");
    }
    const approvals = commit(definition, lifecycleChannel(call), call.publicState, orgs);
    if (approvals.get(mspId) !== true) refuse(`chaincode definition not agreed to by this org (${mspId})`);
    return encode(lifecycle.CommitChaincodeDefinitionResult, {});
  }

  #queryDefinition(input: Bytes, call: ChannelCall): Bytes {
    const { name } = read(lifecycle.QueryChaincodeDefinitionArgs, input, "QueryChaincodeDefinition");
    const definition = readDefinition((key) => call.publicState.get(key), name);
    if (definition === undefined) {
      throw new LifecycleError("NAMESPACE_NOT_DEFINED", `namespace ${name} is not defined`);
    }
    const { approvals } = orgApprovals(definition, hashedStates(call));
    return encode(lifecycle.QueryChaincodeDefinitionResult, {
      ...definitionFields(definition),
      approvals: Object.fromEntries([...approvals].sort(byKey)),
    });
  }

  async #queryAllDefinitions(input: Bytes, call: ChannelCall): Promise<Bytes> {
    read(lifecycle.QueryChaincodeDefinitionsArgs, input, "QueryChaincodeDefinitions");
    const [start, end] = metadataRange(NAMESPACES);
    const names = await namesIn(call.simulation.getStateRange(LIFECYCLE_NAMESPACE, start, end));
    const chaincodeDefinitions = names.flatMap((name) => {
      const definition = readDefinition((key) => call.publicState.get(key), name);
      return definition === undefined ? [] : { name, ...definitionFields(definition) };
    });
    return encode(lifecycle.QueryChaincodeDefinitionsResult, { chaincodeDefinitions });
  }

  #onChannel({ channelId, simulation }: SystemCall): ChannelCall {
    const config = this.#options.channel(channelId)?.config;
    if (config === undefined || simulation === undefined) refuse(`no application config for channel '${channelId}'`);
    const publicState: WritableKeys = {
      get: (key) => simulation.getState(LIFECYCLE_NAMESPACE, key),
      put: (key, value) => simulation.setState(LIFECYCLE_NAMESPACE, key, value),
      delete: (key) => simulation.deleteState(LIFECYCLE_NAMESPACE, key),
    };
    return { config, channelId, simulation, publicState };
  }

  /** The plaintext of this organisation's implicit collection. */
  #ownState({ simulation }: ChannelCall): WritableKeys {
    const collection = implicitCollection(this.#options.mspId);
    return {
      get: (key) => simulation.getPrivateData(LIFECYCLE_NAMESPACE, collection, key),
      put: (key, value) => simulation.setPrivateData(LIFECYCLE_NAMESPACE, collection, key, value),
      delete: (key) => simulation.deletePrivateData(LIFECYCLE_NAMESPACE, collection, key),
    };
  }
}

function read<T>(type: { decode(bytes: Bytes): T }, input: Bytes, method: string): T {
  try {
    return decode(type, input, `lifecycle.${method}Args`);
  } catch (cause) {
    throw new HansaError(
      "LIFECYCLE_ARGS",
      `could not decode input arg for *lifecycle.Invocation.${method}: ${CANNOT_PARSE}`,
      { cause },
    );
  }
}

type DefinitionArgs = Pick<
  lifecycle.CommitChaincodeDefinitionArgs,
  | "name"
  | "version"
  | "sequence"
  | "endorsementPlugin"
  | "validationPlugin"
  | "validationParameter"
  | "collections"
  | "initRequired"
>;

function toDefinition(args: DefinitionArgs): ChaincodeDefinition {
  const { name, version, endorsementPlugin, validationPlugin, validationParameter, initRequired } = args;
  const plugins = { endorsementPlugin, validationPlugin, validationParameter };
  return {
    name,
    version,
    sequence: Number(args.sequence),
    initRequired,
    ...plugins,
    ...collectionsOf(args.collections),
  };
}

function definitionFields(definition: ChaincodeDefinition) {
  const { sequence, version, endorsementPlugin, validationPlugin, validationParameter, initRequired } = definition;
  const collections = { config: definition.collections.map((each) => ({ staticCollectionConfig: each })) };
  const plugins = { endorsementPlugin, validationPlugin, validationParameter };
  return { sequence, version, ...plugins, collections, initRequired };
}

function approvedFields(approved: ApprovedDefinition) {
  const { packageId } = approved;
  const source = packageId === undefined ? { unavailable: {} } : { localPackage: { packageId } };
  return { ...definitionFields(approved), source };
}

function lifecycleChannel({ config, channelId }: ChannelCall) {
  return { channelId, hasPolicy: (path: string) => config.hasPolicy(path) };
}

function checkInput(
  collections: DefinitionArgs["collections"],
  definition: ChaincodeDefinition,
  { config, simulation, publicState }: ChannelCall,
): void {
  try {
    const { name, version } = definition;
    checkNameAndVersion(name, version);
    checkCollections(collections, {
      hasMember: (mspId) => config.msps.get(mspId) !== undefined,
      identity: (serialized) => config.msps.identity(serialized),
      compile: (policy) => compileSignaturePolicy(policy, config.msps),
    });
    const committed = readDefinition((key) => publicState.get(key), name);
    // Fabric then looks where chaincodes were kept before the lifecycle, and records that it did.
    if (committed === undefined) simulation.getState("lscc", name);
    else checkKeepsCollections(definition.collections, committed.collections);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const fault = cause instanceof LifecycleError ? cause.fault : "REFUSED";
    throw new LifecycleError(fault, `error validating chaincode definition: ${cause.message}`, { cause });
  }
}

/** What this peer sees of each organisation's approvals. */
function hashedStates({ config, simulation }: ChannelCall): HashedKeys[] {
  return config.applicationOrgs().map(({ mspId }) => {
    const collection = implicitCollection(mspId);
    return { mspId, hashOf: (key) => simulation.getPrivateDataHash(LIFECYCLE_NAMESPACE, collection, key) };
  });
}

const MAX_NAMES = 100_000;

async function namesIn(results: StateResults): Promise<string[]> {
  const prefix = metadataPrefix(NAMESPACES);
  const names: string[] = [];
  try {
    while (names.length < MAX_NAMES) {
      const found = await results.next();
      if (found === undefined) break;
      names.push(found.key.slice(prefix.length));
    }
  } finally {
    await results.close();
  }
  return names;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
