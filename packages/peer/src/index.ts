export type { TransactionStatus } from "./channel.js";
export {
  CHAINCODE_DEFAULTS,
  type ChaincodeConfig,
  LIMIT_DEFAULTS,
  type OrdererOverride,
  type PeerConfig,
  type PeerLimits,
} from "./config.js";
export { connectEndorser, type EndorserCallLimits, type RemoteEndorser } from "./endorser-client.js";
export { startPeer } from "./peer.js";
export type { RunningPeer } from "./running-peer.js";
