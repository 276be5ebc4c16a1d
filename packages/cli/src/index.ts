/** Start and use networks from TypeScript: the library that the hansa command is made of. */
export {
  type DeployRequest,
  type DeployResult,
  type GatewayOptions,
  Member,
  Network,
  type NetworkConfig,
  type NetworkFile,
  NetworkFileError,
  NetworkView,
  type PeerLedger,
  type Phase,
  type StartOptions,
  startNetwork,
} from "@hansa/network";
