/**
 * Which policy guards which resource when the channel's ACLs do not say.
 * Source: hyperledger/fabric, core/aclmgmt/defaultaclprovider.go and resources/resources.go.
 */
const READERS = "/Channel/Application/Readers";
const WRITERS = "/Channel/Application/Writers";

export const DEFAULT_ACLS: ReadonlyMap<string, string> = new Map([
  ["_lifecycle/CommitChaincodeDefinition", WRITERS],
  ["_lifecycle/QueryChaincodeDefinition", WRITERS],
  ["_lifecycle/QueryChaincodeDefinitions", WRITERS],
  ["_lifecycle/CheckCommitReadiness", WRITERS],
  ["lscc/ChaincodeExists", READERS],
  ["lscc/GetDeploymentSpec", READERS],
  ["lscc/GetChaincodeData", READERS],
  ["lscc/GetInstantiatedChaincodes", READERS],
  ["lscc/GetCollectionsConfig", READERS],
  ["qscc/GetChainInfo", READERS],
  ["qscc/GetBlockByNumber", READERS],
  ["qscc/GetBlockByHash", READERS],
  ["qscc/GetTransactionByID", READERS],
  ["qscc/GetBlockByTxID", READERS],
  ["cscc/GetConfigBlock", READERS],
  ["cscc/GetChannelConfig", READERS],
  ["peer/Propose", WRITERS],
  ["peer/ChaincodeToChaincode", WRITERS],
  ["event/Block", READERS],
  ["event/FilteredBlock", READERS],
  ["gateway/CommitStatus", READERS],
  ["gateway/ChaincodeEvents", READERS],
]);

/**
 * Resources of a peer rather than of a channel: they ask for a role in the peer's own organisation, and no channel
 * can override them.
 */
export const PEER_ACLS: ReadonlyMap<string, "Admins" | "Members"> = new Map([
  ["_lifecycle/InstallChaincode", "Admins"],
  ["_lifecycle/QueryInstalledChaincode", "Admins"],
  ["_lifecycle/AwaitInstalledChaincode", "Admins"],
  ["_lifecycle/GetInstalledChaincodePackage", "Admins"],
  ["_lifecycle/QueryInstalledChaincodes", "Admins"],
  ["_lifecycle/ApproveChaincodeDefinitionForMyOrg", "Admins"],
  ["_lifecycle/QueryApprovedChaincodeDefinition", "Admins"],
  ["_lifecycle/QueryApprovedChaincodeDefinitions", "Admins"],
  ["snapshot/submitrequest", "Admins"],
  ["snapshot/cancelrequest", "Admins"],
  ["snapshot/listpending", "Admins"],
  ["lscc/Install", "Admins"],
  ["lscc/GetInstalledChaincodes", "Admins"],
  ["cscc/JoinChain", "Admins"],
  ["cscc/JoinChainBySnapshot", "Admins"],
  ["cscc/JoinBySnapshotStatus", "Admins"],
  ["cscc/GetChannels", "Members"],
]);
