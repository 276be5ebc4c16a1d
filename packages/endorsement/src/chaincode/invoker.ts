/**
 * Finds who executes a call and lets it be executed: a system chaincode here, or the process that runs the package
 * which this organisation approved for the committed definition.
 * Source: hyperledger/fabric, core/chaincode/chaincode_support.go and lifecycle/endorsement_info.go; texts alike.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { TxSimulator } from "@hansa/ledger";
import type { Identity } from "@hansa/msp";
import { fromUtf8, messageOf, NO_BYTES, toUtf8 } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import { allCollections, collectionConfig } from "../lifecycle/collections.js";
import type { RunnableChaincode, RunnableChaincodes } from "../lifecycle/installed.js";
import { LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import { readSequence } from "../lifecycle/reading.js";
import type { AccessControl } from "./access.js";
import { type EndorserChannel, hasApplicationCapability } from "./channel.js";
import { ChaincodeError, refuse } from "./error.js";
import { type ChaincodeInput, type Proposal, readInput } from "./proposal.js";
import { ShimType } from "./shim-message.js";
import type { CallOutcome, ChaincodeCall, CollectionPermission } from "./simulation.js";
import { SYSTEM_NAMES, SYSTEM_VERSION, type SystemChaincode } from "./system-chaincode.js";

/** The processes behind package ids. */
export interface ChaincodeProcesses {
  /** The id under which a chaincode of a channel is called in place of its package: while somebody develops it. */
  inPlaceOf?(channelId: string, chaincode: string): string | undefined;
  isReady(packageId: string): boolean;
  /** Resolves when the package can be called. @throws why it cannot */
  launch(packageId: string): Promise<void>;
  execute(packageId: string, call: ChaincodeCall): Promise<CallOutcome>;
}

export type InvokerOptions = {
  readonly channel: (channelId: string) => EndorserChannel | undefined;
  readonly access: AccessControl;
  readonly runnable: RunnableChaincodes;
  readonly processes: ChaincodeProcesses;
  readonly system: ReadonlyMap<string, SystemChaincode>;
  /** Told of a rich query that no index serves. @param collection "" for public state @param fields that it looks at */
  readonly onUnindexedQuery?: (channelId: string, chaincode: string, collection: string, fields: string) => void;
  readonly executeTimeoutMs: number;
};

/** One transaction on one channel (or on none), as far as calls share it. */
export type TransactionScope = {
  readonly proposal: Proposal;
  readonly creator: Identity;
  readonly channelId: string;
  readonly channel: EndorserChannel | undefined;
  readonly simulator: TxSimulator | undefined;
};

/** Who executes calls of one chaincode. */
export type Target =
  | { readonly kind: "system"; readonly version: string }
  | { readonly kind: "process"; readonly version: string; readonly chaincode: RunnableChaincode };

/** In the chaincode's own namespace: which version has been initialised. */
const INITIALIZED_KEY = "\u0000\u{10ffff}initialized";

/** A simulator that knows the collections of the channel's chaincodes; looking them up counts as reading. */
export function simulate(channel: EndorserChannel, txId: string): TxSimulator {
  const simulator: TxSimulator = channel.ledger.simulator(txId, (namespace) => {
    const found = allCollections(lifecycleReader(simulator), namespace, applicationMspIds(channel.config));
    return found && new Set(found.map(({ name }) => name ?? ""));
  });
  return simulator;
}

export function lifecycleReader(simulator: Pick<TxSimulator, "getState">) {
  return (key: string) => simulator.getState(LIFECYCLE_NAMESPACE, key);
}

export function applicationMspIds(config: ChannelConfig): string[] {
  return config.applicationOrgs().map(({ mspId }) => mspId);
}

export class Invoker {
  readonly #options: InvokerOptions;

  constructor(options: InvokerOptions) {
    this.#options = options;
  }

  /** @throws ChaincodeError REFUSED with Fabric's text when this peer cannot execute the chaincode */
  target(scope: TransactionScope, name: string): Target {
    if (SYSTEM_NAMES.has(name)) return { kind: "system", version: SYSTEM_VERSION };
    const { channel, channelId, simulator } = scope;
    if (channel === undefined) refuse(`could not get channel config for channel '${channelId}'`);
    if (simulator === undefined) {
      refuse(
        `could not get current sequence for chaincode '${name}' on channel '${channelId}': invalid channel-less operation`,
      );
    }
    const sequence = readSequence(lifecycleReader(simulator), name);
    if (sequence === 0) {
      // Fabric then looks where chaincodes were kept before the lifecycle, and records that it did.
      simulator.getState("lscc", name);
      refuse(`chaincode ${name} not found`);
    }
    const chaincode = this.#options.runnable.find(channelId, name, sequence, channel.ledger.state);
    if (chaincode === undefined) {
      refuse(
        `chaincode cache is not at sequence ${sequence}, chaincode definition for '${name}' changed during invoke`,
      );
    }
    if (!chaincode.isApproved) {
      refuse(
        `chaincode definition for '${name}' at sequence ${sequence} on channel '${channelId}' has not yet been approved by this org`,
      );
    }
    const { version } = chaincode.definition;
    const developed = this.#options.processes.inPlaceOf?.(channelId, name);
    if (developed !== undefined) return { kind: "process", version, chaincode: { ...chaincode, packageId: developed } };
    // Who attaches a process by name and version, as under a debugger, means it to be called.
    const attached = `${name}:${version}`;
    if (this.#options.processes.isReady(attached)) {
      return { kind: "process", version, chaincode: { ...chaincode, packageId: attached } };
    }
    if (chaincode.packageId === undefined) {
      refuse(`chaincode definition for '${name}' exists, but chaincode is not installed`);
    }
    return { kind: "process", version, chaincode };
  }

  /**
   * Executes the call that a proposal asks for.
   * @throws ChaincodeError when there is no outcome
   */
  async execute(scope: TransactionScope, name: string, input: ChaincodeInput, target: Target): Promise<CallOutcome> {
    if (target.kind === "system") return this.#executeSystem(scope, name, input);
    const { packageId, definition } = target.chaincode;
    if (packageId === undefined) refuse(`chaincode definition for '${name}' exists, but chaincode is not installed`);
    const isInit = this.#checkInit(scope, name, input, definition.initRequired, definition.version);
    const { processes, executeTimeoutMs } = this.#options;
    if (!processes.isReady(packageId)) {
      try {
        await processes.launch(packageId);
      } catch (cause) {
        const text = `could not launch chaincode ${packageId}: ${messageOf(cause)}`;
        throw new ChaincodeError("NOT_RUNNING", text, { cause });
      }
    }
    try {
      return await processes.execute(packageId, this.#call(scope, name, input, isInit, executeTimeoutMs));
    } catch (cause) {
      const fault = cause instanceof ChaincodeError ? cause.fault : "STREAM_TERMINATED";
      throw new ChaincodeError(fault, `error sending: ${messageOf(cause)}`, { cause });
    }
  }

  /** 'Init exactly once' for each version of a chaincode that asks for it. */
  #checkInit(
    { simulator }: TransactionScope,
    name: string,
    input: ChaincodeInput,
    isRequired: boolean,
    version: string,
  ): boolean {
    let isDue = false;
    if (isRequired) isDue = toUtf8(simulator?.getState(name, INITIALIZED_KEY) ?? NO_BYTES) !== version;
    if (!input.isInit) {
      if (isDue) {
        refuse(
          `invalid invocation: chaincode '${name}' has not been initialized for this version, must call as init first`,
        );
      }
      return false;
    }
    if (!isRequired) {
      refuse(`invalid invocation: chaincode '${name}' does not require initialization but called as init`);
    }
    if (!isDue) refuse(`invalid invocation: chaincode '${name}' is already initialized but called as init`);
    simulator?.setState(name, INITIALIZED_KEY, fromUtf8(version));
    return true;
  }

  #call(
    scope: TransactionScope,
    chaincode: string,
    input: ChaincodeInput,
    isInit: boolean,
    timeoutMs: number,
  ): ChaincodeCall {
    const { proposal, channel, channelId, simulator } = scope;
    return {
      channelId,
      txId: proposal.txId,
      chaincode,
      input: input.bytes,
      isInit,
      signedProposal: proposal.signedProposal,
      simulation: simulator,
      history: channel?.ledger,
      timeoutMs,
      hasCapability: (name) => channel !== undefined && hasApplicationCapability(channel.config, name),
      permission: (collection) => permission(scope, chaincode, collection),
      onUnindexedQuery: (collection, fields) =>
        this.#options.onUnindexedQuery?.(channelId, chaincode, collection, fields),
      invoke: (target, nested) => this.#invokeNested(scope, target, readInput(nested)),
    };
  }

  /** A call from a chaincode: in this transaction on the same channel, read-only for another channel. */
  async #invokeNested(caller: TransactionScope, targetName: string, input: ChaincodeInput): Promise<CallOutcome> {
    const { name, channelId } = parseTarget(targetName, caller.channelId);
    const { proposal } = caller;
    if (!SYSTEM_NAMES.has(name)) {
      const verdict = this.#options.access.check("peer/ChaincodeToChaincode", channelId, proposal);
      if (!verdict.ok) refuse(verdict.reason);
    }
    if (channelId === caller.channelId) return this.#executeNested(caller, name, input);
    const channel = this.#options.channel(channelId);
    if (channel === undefined) refuse(`failed to find ledger for channel: ${channelId}`);
    const simulator = simulate(channel, proposal.txId);
    try {
      return await this.#executeNested({ ...caller, channelId, channel, simulator }, name, input);
    } finally {
      simulator.done();
    }
  }

  async #executeNested(scope: TransactionScope, name: string, input: ChaincodeInput): Promise<CallOutcome> {
    try {
      let target: Target;
      try {
        target = this.target(scope, name);
      } catch (cause) {
        const where = `[channel ${scope.channelId}] failed to get chaincode container info for ${name}`;
        throw new ChaincodeError("REFUSED", `invalid invocation: ${where}: ${messageOf(cause)}`, { cause });
      }
      return await this.execute(scope, name, input, target);
    } catch (cause) {
      const fault = cause instanceof ChaincodeError ? cause.fault : "REFUSED";
      throw new ChaincodeError(fault, `execute failed: ${messageOf(cause)}`, { cause });
    }
  }

  async #executeSystem(scope: TransactionScope, name: string, input: ChaincodeInput): Promise<CallOutcome> {
    const chaincode = this.#options.system.get(name);
    const { proposal, channelId, simulator } = scope;
    if (chaincode === undefined) refuse(`chaincode ${name} is not deployed on this peer`);
    const response = await chaincode.invoke({
      channelId,
      txId: proposal.txId,
      args: input.args,
      proposal,
      simulation: simulator,
    });
    return { type: ShimType.COMPLETED, payload: encode(protos.Response, response), event: undefined };
  }
}

/** "name:version/channel" with optional parts; the version does not count. */
function parseTarget(text: string, callerChannel: string): { name: string; channelId: string } {
  const slash = text.indexOf("/");
  const channelId = slash < 0 ? "" : text.slice(slash + 1);
  const instance = slash < 0 ? text : text.slice(0, slash);
  const [name = ""] = instance.split(":", 1);
  return { name, channelId: channelId === "" ? callerChannel : channelId };
}

/** Members may do all; others what the collection does not keep for its members. */
function permission(scope: TransactionScope, chaincode: string, collection: string): CollectionPermission {
  const { channelId, simulator, creator } = scope;
  if (simulator === undefined) refuse("no ledger context");
  const { config } = collectionConfig(lifecycleReader(simulator), chaincode, collection);
  if (config === undefined) refuse(`collection ${channelId}/${chaincode}/${collection} could not be found`);
  const { memberOnlyRead, memberOnlyWrite } = config;
  if (!memberOnlyRead && !memberOnlyWrite) return { read: true, write: true };
  const members = config.memberOrgsPolicy?.signaturePolicy?.identities ?? [];
  if (members.some((principal) => creator.satisfies(principal))) return { read: true, write: true };
  return { read: !memberOnlyRead, write: !memberOnlyWrite };
}
