export type { DevelopmentRecord } from "./chaincode/development.js";
export type { TransactionStatus } from "./channel.js";
export {
  CHAINCODE_DEFAULTS,
  type ChaincodeConfig,
  LIMIT_DEFAULTS,
  type OrdererOverride,
  type PeerConfig,
  type PeerLimits,
} from "./config.js";
export type { OtherPeer } from "./other-peer.js";
export { startPeer } from "./peer.js";
export { type CallLimits, connectPeer, type PeerConnection } from "./peer-connection.js";
export type { RunningPeer } from "./running-peer.js";
export type { SnapshotRequests } from "./snapshots/requests.js";
