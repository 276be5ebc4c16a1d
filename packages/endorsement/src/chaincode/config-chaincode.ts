/**
 * `cscc`: which channels this peer is in, their configuration, and joining one.
 * Source: hyperledger/fabric, core/scc/cscc/configure.go; texts alike.
 */
import { ChannelConfig } from "@hansa/channel-config";
import { type Bytes, messageOf, toUtf8 } from "@hansa/primitives";
import { common, decode, encode, METADATA, protos, splitBlock, unmarshalFailure } from "@hansa/wire";
import type { AccessControl } from "./access.js";
import type { EndorserChannel } from "./channel.js";
import { readBlock } from "./query-chaincode.js";
import { type ChaincodeResponse, failed, type SystemCall, type SystemChaincode, success } from "./system-chaincode.js";

export type ConfigChaincodeOptions = {
  readonly access: AccessControl;
  readonly channel: (channelId: string) => EndorserChannel | undefined;
  readonly channelIds: () => readonly string[];
  /** Joins the channel of a genesis block. @throws with a reason, e.g. when it is joined already */
  readonly join: (channelId: string, genesisBlock: Bytes) => Promise<void>;
  /** Begins to join the channel of a snapshot in a folder of this machine. @throws with a reason when it cannot begin */
  readonly joinBySnapshot: (folder: string) => Promise<void>;
  /** The folder of the snapshot by which a channel is being joined. */
  readonly joiningSnapshot: () => string | undefined;
};

export class ConfigChaincode implements SystemChaincode {
  readonly name = "cscc";
  readonly #options: ConfigChaincodeOptions;

  constructor(options: ConfigChaincodeOptions) {
    this.#options = options;
  }

  async invoke({ args, proposal }: SystemCall): Promise<ChaincodeResponse> {
    const [first, second] = args;
    const method = toUtf8(first ?? new Uint8Array(0));
    const needsArgument = method !== "GetChannels" && method !== "JoinBySnapshotStatus";
    if (first === undefined || (needsArgument && second === undefined)) {
      return failed(`Incorrect number of arguments, ${args.length}`);
    }
    if (proposal.chaincodeName !== this.name) {
      return failed(
        `Rejecting invoke of CSCC from another chaincode, original invocation for '${proposal.chaincodeName}'`,
      );
    }
    const argument = second ?? new Uint8Array(0);
    const { access } = this.#options;
    const denial = (channelId: string) => {
      const verdict = access.check(`cscc/${method}`, channelId, proposal);
      return verdict.ok ? undefined : verdict.reason;
    };
    switch (method) {
      case "JoinChain":
        return this.#joinChain(argument, denial);
      case "GetChannels": {
        const reason = denial("");
        return reason === undefined ? this.#getChannels() : failed(`access denied for [${method}]: ${reason}`);
      }
      case "GetConfigBlock":
      case "GetChannelConfig": {
        const channelId = toUtf8(argument);
        if (method === "GetChannelConfig" && channelId === "") return failed("empty channel name provided");
        const reason = denial(channelId);
        if (reason !== undefined) return failed(`access denied for [${method}][${channelId}]: ${reason}`);
        return method === "GetConfigBlock" ? this.#getConfigBlock(channelId) : this.#getChannelConfig(channelId);
      }
      case "JoinChainBySnapshot":
      case "JoinBySnapshotStatus": {
        const isStatus = method === "JoinBySnapshotStatus";
        if (!isStatus && argument.length === 0)
          return failed("Cannot join the channel, no snapshot directory provided");
        const reason = denial("");
        if (reason !== undefined) return failed(`access denied for [${method}]: ${isStatus ? reason : `[${reason}]`}`);
        return isStatus ? this.#joinBySnapshotStatus() : this.#joinBySnapshot(toUtf8(argument));
      }
      default:
        return failed(`Requested function ${method} not found.`);
    }
  }

  async #joinChain(block: Bytes, denial: (channelId: string) => string | undefined): Promise<ChaincodeResponse> {
    let decoded: common.Block;
    try {
      decoded = decode(common.Block, block, "common.Block");
    } catch (error) {
      return failed(`Failed to reconstruct the genesis block, ${unmarshalFailure(error)}`);
    }
    let channelId: string;
    try {
      channelId = channelIdOf(decoded);
    } catch (error) {
      const reason = unmarshalFailure(error) ?? messageOf(error);
      return failed(`"JoinChain" request failed to extract channel id from the block due to [${reason}]`);
    }
    try {
      const config = ChannelConfig.fromBlock(block);
      if (!config.hasApplication) {
        throw new Error("Invalid configuration block, missing Application configuration group");
      }
      config.checkCapabilities();
    } catch (error) {
      return failed(
        `"JoinChain" for channelID = ${channelId} failed because of validation of configuration block, because of ${messageOf(error)}`,
      );
    }
    const reason = denial("");
    if (reason !== undefined) return failed(`access denied for [JoinChain][${channelId}]: [${reason}]`);
    try {
      await this.#options.join(channelId, block);
    } catch (error) {
      return failed(messageOf(error));
    }
    return success();
  }

  async #joinBySnapshot(folder: string): Promise<ChaincodeResponse> {
    try {
      await this.#options.joinBySnapshot(folder);
    } catch (error) {
      return failed(messageOf(error));
    }
    return success();
  }

  #joinBySnapshotStatus(): ChaincodeResponse {
    const folder = this.#options.joiningSnapshot();
    const status = folder === undefined ? {} : { inProgress: true, bootstrappingSnapshotDir: folder };
    return success(encode(protos.JoinBySnapshotStatus, status));
  }

  #getChannels(): ChaincodeResponse {
    const channels = this.#options.channelIds().map((channelId) => ({ channelId }));
    return success(encode(protos.ChannelQueryResponse, { channels }));
  }

  async #getConfigBlock(channelId: string): Promise<ChaincodeResponse> {
    const channel = this.#options.channel(channelId);
    if (channel === undefined) return failed(`Unknown channel ID, ${channelId}`);
    try {
      return success(await lastConfigBlock(channel));
    } catch (error) {
      return failed(messageOf(error));
    }
  }

  #getChannelConfig(channelId: string): ChaincodeResponse {
    const channel = this.#options.channel(channelId);
    if (channel === undefined) return failed(`unknown channel ID, ${channelId}`);
    return success(encode(common.Config, channel.config.config));
  }
}

/** Bytes of the block that holds the configuration in force, as the newest block's metadata names it. */
export async function lastConfigBlock({ ledger, channelId }: EndorserChannel): Promise<Bytes> {
  if (ledger.height === 0) throw new Error(`channel ${channelId} has no block`);
  return readBlock(ledger, lastConfigIndex(await readBlock(ledger, ledger.height - 1)));
}

function lastConfigIndex(block: Bytes): number {
  const { metadata } = splitBlock(block);
  const signatures = common.Metadata.decode(metadata[METADATA.SIGNATURES] ?? new Uint8Array(0));
  if (signatures.value.length > 0) {
    return Number(common.OrdererBlockMetadata.decode(signatures.value).lastConfig?.index ?? 0);
  }
  const lastConfig = common.Metadata.decode(metadata[METADATA.LAST_CONFIG] ?? new Uint8Array(0));
  return Number(common.LastConfig.decode(lastConfig.value).index);
}

/** The channel that the first transaction names, whatever kind of transaction it is. */
function channelIdOf({ data }: common.Block): string {
  const [first] = data?.data ?? [];
  if (first === undefined) throw new Error("failed to retrieve channel id - block is empty");
  const { payload } = decode(common.Envelope, first, "common.Envelope");
  const { header } = decode(common.Payload, payload, "common.Payload");
  if (!header) throw new Error("failed to retrieve channel id - payload header is empty");
  return decode(common.ChannelHeader, header.channelHeader ?? new Uint8Array(0), "common.ChannelHeader").channelId;
}
