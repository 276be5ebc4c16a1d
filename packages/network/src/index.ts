export {
  withAcls,
  withAnchorPeers,
  withApplicationPolicy,
  withBatchSettings,
  withChannelCapabilities,
  withOrganization,
  withoutOrganization,
  withRevocationList,
} from "@hansa/channel-config";
export { type Explanation, explanationText } from "@hansa/endorsement/explain";
export { CaRest } from "./client/ca-rest.js";
export { type NetworkFile, networkShape } from "./config/file-shape.js";
export type * from "./config/network-config.js";
export { orderingWith } from "./config/ordering.js";
export { parseNetworkFile, parseNetworkObject } from "./config/parse.js";
export { NetworkFileError } from "./config/problems.js";
export { jsonSchema } from "./config/shape.js";
export { didYouMean } from "./config/suggest.js";
export {
  askAddMember,
  askAddPeer,
  askChannels,
  askCreateChannel,
  askRemoveMember,
  askStatus,
  askStop,
  findSupervisor,
  type NetworkStatus,
  type NodeStatus,
} from "./control/control-client.js";
export type { SupervisorRecord } from "./control/control-server.js";
export { asFileFailure, fileFault } from "./control/file-failure.js";
export type { DeployRequest, DeployResult, InitRequest } from "./deploy/deployment.js";
export type { BuildProblem } from "./develop/builder.js";
export type { DevelopmentEvent } from "./develop/events.js";
export { writeNewContract } from "./develop/new-contract.js";
export { type PeerFiles, readPeerFiles } from "./fabric-files/peer-files.js";
export { type Foreground, runOrdererNode, runPeerNode } from "./fabric-files/run.js";
export { isDeleted } from "./governance/deleted.js";
export { readStrandCopy, readWholeStrandCopy } from "./governance/strand-copy.js";
export type { NewUser } from "./identity/enrol.js";
export { awaitedChanges } from "./launch/awaited-changes.js";
export type { Phase } from "./launch/phases.js";
export { runSupervisor, type StartReport, startDetached } from "./launch/supervisor.js";
export { ChannelJournal } from "./library/channel-journal.js";
export { type BlockChoice, blockToJson, ChannelSettings, type KeyHolder } from "./library/channel-settings.js";
export { type ChannelSummary, type NodeCopy, summarizeChannel } from "./library/channel-summary.js";
export type { ConfigEdit } from "./library/channel-update.js";
export { type ConfigDraft, channelOfUpdate, type Missing, missingIn, updateToJson } from "./library/config-draft.js";
export { type DevelopRequest, develop } from "./library/develop.js";
export {
  explainedInvalid,
  explainGatewayError,
  InvalidTransaction,
  reasonOf,
} from "./library/gateway-errors.js";
export type { PeerLedger } from "./library/ledgers.js";
export { type GatewayOptions, Member } from "./library/member.js";
export { MemberAuthority } from "./library/member-authority.js";
export { NetworkView } from "./library/network-view.js";
export { NodeChannels } from "./library/node-channels.js";
export { identityInFolder, previewFile, signFile } from "./library/offline-signing.js";
export { PeerSnapshots } from "./library/peer-snapshots.js";
export { Network, nodeProgram, type StartOptions, startNetwork } from "./library/start-network.js";
export { StoppedPeer } from "./library/stopped-peer.js";
export type {
  LogTarget,
  NewChannel,
  NewMember,
  NewPeer,
  OrderedChannel,
  RunningNetwork,
} from "./membership/running-network.js";
export type { NodeReport } from "./nodes/keeper.js";
export { readEnd, readOn } from "./nodes/rotated-log.js";
export { credentialsFile, type NamedAccount, readAccounts } from "./operator/accounts.js";
export {
  type ControlPlaneOptions,
  controlPlaneFolder,
  type RunningControlPlane,
  startControlPlane,
} from "./operator/control-plane.js";
export {
  type ControlPlaneRecord,
  controlPlaneLog,
  type DetachedControlPlane,
  findControlPlane,
  runControlPlaneProcess,
  startControlPlaneDetached,
  stopControlPlane,
} from "./operator/control-plane-process.js";
export { DataHome } from "./operator/data-home.js";
export { RemoteNetwork } from "./operator/remote-network.js";
export { Layout } from "./plan/layout.js";
export type { DeployedContract, NetworkState } from "./plan/state-file.js";
