/**
 * What a configuration may change about consensus itself.
 * Source: hyperledger/fabric, orderer/common/msgprocessor/maintenancefilter.go and consensus/etcdraft/chain.go
 * (ValidateConsensusMetadata).
 */
import { type ChannelConfig, readConfigUpdate } from "@hansa/channel-config";
import { equalBytes } from "@hansa/primitives";
import { common, decode, etcdraft } from "@hansa/wire";
import { permitsMaintenance } from "./filters.js";

const stateName = (config: ChannelConfig) =>
  config.orderer.state === "MAINTENANCE" ? "STATE_MAINTENANCE" : "STATE_NORMAL";

/** Why the step from one configuration to the next breaks the rules of maintenance mode; undefined when it does not. */
export function maintenanceFault(current: ChannelConfig, next: ChannelConfig, update: Uint8Array): string | undefined {
  const [was, is] = [current.orderer, next.orderer];
  const [wasState, isState] = [stateName(current), stateName(next)];
  const typeChange = `from ${was.consensusType} to ${is.consensusType}`;
  if (!permitsMaintenance(current)) {
    if (isState !== "STATE_NORMAL") {
      return `next config attempted to change ConsensusType.State to ${isState}, but capability is disabled`;
    }
    if (was.consensusType !== is.consensusType) {
      return `next config attempted to change ConsensusType.Type ${typeChange}, but capability is disabled`;
    }
    return undefined;
  }
  if (wasState !== isState) {
    const stateChange = `ConsensusType.State is changing from ${wasState} to ${isState}`;
    const more = changesMoreThanConsensus(update);
    if (more !== undefined) return more;
    if (was.consensusType !== is.consensusType) {
      return `attempted to change ConsensusType.Type ${typeChange}, but ${stateChange}`;
    }
    if (!equalBytes(was.consensusMetadata, is.consensusMetadata)) {
      return `attempted to change ConsensusType.Metadata, but ${stateChange}`;
    }
  }
  if (was.consensusType !== is.consensusType) {
    const attempt = `attempted to change consensus type ${typeChange}`;
    if (wasState === "STATE_NORMAL") {
      return `${attempt}, but current config ConsensusType.State is not in maintenance mode`;
    }
    if (isState === "STATE_NORMAL") {
      return `${attempt}, but next config ConsensusType.State is not in maintenance mode`;
    }
    return `${attempt}, transition not supported`;
  }
  return undefined;
}

function changesMoreThanConsensus(updateEnvelope: Uint8Array): string | undefined {
  const { configUpdate } = readConfigUpdate(updateEnvelope);
  const { writeSet } = decode(common.ConfigUpdate, configUpdate, "common.ConfigUpdate");
  const groups = Object.keys(writeSet?.groups ?? {});
  if (groups.length === 0) return "config update contains no changes";
  if (Object.keys(writeSet?.values ?? {}).length > 0)
    return "config update contains changes to values in group Channel";
  if (groups.length > 1) return "config update contains changes to more than one group";
  const orderer = writeSet?.groups?.Orderer;
  if (!orderer) return "update does not contain the Orderer group";
  if (Object.keys(orderer.groups ?? {}).length > 0) {
    return "config update contains changes to groups within the Orderer group";
  }
  const values = Object.keys(orderer.values ?? {});
  if (!values.includes("ConsensusType")) return "config update does not contain the ConsensusType value";
  if (values.length > 1) return "config update contain more then just the ConsensusType value in the Orderer group";
  return undefined;
}

/** What is wrong with the consenter metadata of an etcdraft channel; undefined when a real consenter would take it. */
export function consensusMetadataFault(next: ChannelConfig): string | undefined {
  const { consensusType, consensusMetadata } = next.orderer;
  if (consensusType !== "etcdraft" || consensusMetadata.length === 0) return undefined;
  let metadata: etcdraft.ConfigMetadata;
  try {
    metadata = decode(etcdraft.ConfigMetadata, consensusMetadata, "etcdraft.ConfigMetadata");
  } catch {
    return "failed to unmarshal new etcdraft metadata configuration";
  }
  const { options, consenters } = metadata;
  if (!options) return "invalid new config metadata: nil Raft config metadata options";
  const [heartbeat, election, inflight] = [options.heartbeatTick, options.electionTick, options.maxInflightBlocks];
  if (!heartbeat || !election || !inflight) {
    const values = `HeartbeatTick (${heartbeat}), ElectionTick (${election}) and MaxInflightBlocks (${inflight})`;
    return `invalid new config metadata: none of ${values} can be zero`;
  }
  if (election <= heartbeat) {
    return `invalid new config metadata: ElectionTick (${election}) must be greater than HeartbeatTick (${heartbeat})`;
  }
  if (consenters.length === 0) return "invalid new config metadata: empty consenter set";
  return undefined;
}
