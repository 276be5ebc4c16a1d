export type { TlsIdentity } from "./broadcast.js";
export { EXPLANATION } from "./explained.js";
export { createGateway, type Gateway, type GatewayHandlers, type GatewayOptions } from "./gateway.js";
export type { CallLimits, CommitOutcome, EndorserClient, GatewayHost, GatewayOrderer, GatewayPeer } from "./host.js";
