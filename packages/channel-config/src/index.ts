export { DEFAULT_ACLS, PEER_ACLS } from "./acl.js";
export {
  applicationRules,
  type Capabilities,
  channelRules,
  checkCapabilities,
  KNOWN_APPLICATION_CAPABILITIES,
  KNOWN_CHANNEL_CAPABILITIES,
  KNOWN_ORDERER_CAPABILITIES,
} from "./capabilities.js";
export {
  type ApplicationOrg,
  ChannelConfig,
  configOfBlock,
  type LoadOptions,
  type OrdererEndpoint,
} from "./channel-config.js";
export { computeConfigUpdate } from "./compute-update.js";
export { formatGoDuration, parseGoDuration } from "./duration.js";
export {
  withAcls,
  withAnchorPeers,
  withApplicationPolicy,
  withBatchSettings,
  withChannelCapabilities,
  withOrganization,
  withoutOrganization,
  withRevocationList,
} from "./edit.js";
export { type ConfigElement, type ConfigElements, equalTrees } from "./elements.js";
export { ConfigError, type ConfigFault } from "./error.js";
export { configBlockOf, genesisBlock } from "./genesis.js";
export {
  changeMembership,
  describeChange,
  governedAdminsRule,
  isGoverned,
  type MembershipChange,
} from "./membership.js";
export { checkChannelId, PolicyPath } from "./names.js";
export {
  type ApplicationOrgProfile,
  applicationOrgGroup,
  type ChannelProfile,
  type ConsenterProfile,
  channelGroupOf,
  type OrdererOrgProfile,
  type PolicyRules,
  policyOf,
} from "./profile.js";
export { configUpdateEnvelope, signConfigUpdate } from "./signing.js";
export {
  type JudgedUpdate,
  judgeConfigUpdate,
  previewUpdate,
  readConfigUpdate,
  signedDataOf,
  validateConfigEnvelope,
} from "./update.js";
export type { AnchorPeer, ConsensusState, OrdererSettings } from "./values.js";
