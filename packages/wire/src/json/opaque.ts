/**
 * Which message the bytes of a field hold: envelopes hold payloads, configuration values hold what their name says.
 * JSON shows that message in the place of the bytes, as Fabric's configtxlator does, so that one reads, edits and
 * compares a whole block or configuration in one piece.
 * Source: hyperledger/fabric-config, protolator/protoext.
 */
import { common } from "../../generated/messages.js";
import { HeaderType } from "../names.js";
import type { Message } from "./tables.js";

/**
 * What a configuration group is for; it decides what its values hold and what its subgroups are. "kv" marks read-write
 * sets of the key-value model. Other messages have no role.
 */
export type Role =
  | "channel"
  | "orderer"
  | "orderer org"
  | "application"
  | "application org"
  | "consortiums"
  | "consortium"
  | "consortium org"
  | "kv";

/** Name of a value → the message that it holds. */
const VALUES: Readonly<Partial<Record<Role, Readonly<Record<string, string>>>>> = {
  channel: {
    HashingAlgorithm: "common.HashingAlgorithm",
    BlockDataHashingStructure: "common.BlockDataHashingStructure",
    OrdererAddresses: "common.OrdererAddresses",
    Consortium: "common.Consortium",
    Capabilities: "common.Capabilities",
  },
  orderer: {
    ConsensusType: "orderer.ConsensusType",
    BatchSize: "orderer.BatchSize",
    BatchTimeout: "orderer.BatchTimeout",
    KafkaBrokers: "orderer.KafkaBrokers",
    ChannelRestrictions: "orderer.ChannelRestrictions",
    Capabilities: "common.Capabilities",
    Orderers: "common.Orderers",
  },
  "orderer org": { MSP: "msp.MSPConfig", Endpoints: "common.OrdererAddresses" },
  application: { Capabilities: "common.Capabilities", ACLs: "protos.ACLs" },
  "application org": { MSP: "msp.MSPConfig", AnchorPeers: "protos.AnchorPeers" },
  consortium: { ChannelCreationPolicy: "common.Policy" },
  "consortium org": { MSP: "msp.MSPConfig" },
};

/** The role of what stands in a field, given the role of the message around it and, in maps, the key. */
export function roleWithin(type: string, role: Role | undefined, field: string, key: string): Role | undefined {
  switch (type) {
    case "common.Config":
      return field === "channel_group" ? "channel" : undefined;
    case "common.ConfigUpdate":
      return field === "read_set" || field === "write_set" ? "channel" : undefined;
    case "common.ConfigGroup":
      return field === "groups" ? subgroupRole(role, key) : field === "values" ? role : undefined;
    case "rwset.TxReadWriteSet":
      return "kv";
    default:
      return undefined;
  }
}

function subgroupRole(role: Role | undefined, key: string): Role | undefined {
  switch (role) {
    case "channel":
      return ({ Orderer: "orderer", Application: "application", Consortiums: "consortiums" } as const)[key];
    case "orderer":
      return "orderer org";
    case "application":
      return "application org";
    case "consortiums":
      return "consortium";
    case "consortium":
      return "consortium org";
    default:
      return undefined;
  }
}

/** Message → field of bytes → the message in them. */
const ALWAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "common.Envelope": { payload: "common.Payload" },
  "common.Header": { channel_header: "common.ChannelHeader", signature_header: "common.SignatureHeader" },
  "common.SignatureHeader": { creator: "msp.SerializedIdentity" },
  "common.BlockData": { data: "common.Envelope" },
  "common.ConfigUpdateEnvelope": { config_update: "common.ConfigUpdate" },
  "common.ConfigSignature": { signature_header: "common.SignatureHeader" },
  "protos.TransactionAction": { header: "common.SignatureHeader", payload: "protos.ChaincodeActionPayload" },
  "protos.ChaincodeActionPayload": { chaincode_proposal_payload: "protos.ChaincodeProposalPayload" },
  "protos.ChaincodeEndorsedAction": { proposal_response_payload: "protos.ProposalResponsePayload" },
  "protos.ProposalResponsePayload": { extension: "protos.ChaincodeAction" },
  "protos.ChaincodeAction": { results: "rwset.TxReadWriteSet", events: "protos.ChaincodeEvent" },
  "protos.ChaincodeProposalPayload": { input: "protos.ChaincodeInvocationSpec" },
};

const PAYLOADS: Readonly<Record<number, string>> = {
  [HeaderType.CONFIG]: "common.ConfigEnvelope",
  [HeaderType.CONFIG_UPDATE]: "common.ConfigUpdateEnvelope",
  [HeaderType.ENDORSER_TRANSACTION]: "protos.Transaction",
};

const PRINCIPALS: Readonly<Record<number, string>> = {
  [common.MSPPrincipal.Classification.ROLE]: "common.MSPRole",
  [common.MSPPrincipal.Classification.ORGANIZATION_UNIT]: "common.OrganizationUnit",
  [common.MSPPrincipal.Classification.IDENTITY]: "msp.SerializedIdentity",
};

/** Message → field → the message in the bytes, which follows from the message's other fields. */
const DEPENDING: Readonly<Record<string, Readonly<Record<string, (message: Message) => string | undefined>>>> = {
  "common.Payload": { data: payloadType },
  "common.ChannelHeader": {
    extension: ({ type }) => (type === HeaderType.ENDORSER_TRANSACTION ? "protos.ChaincodeHeaderExtension" : undefined),
  },
  "common.Policy": {
    value: ({ type }) =>
      type === common.Policy.PolicyType.SIGNATURE
        ? "common.SignaturePolicyEnvelope"
        : type === common.Policy.PolicyType.IMPLICIT_META
          ? "common.ImplicitMetaPolicy"
          : undefined,
  },
  "common.MSPPrincipal": {
    principal: ({ principalClassification }) => PRINCIPALS[Number(principalClassification ?? 0)],
  },
  "msp.MSPConfig": {
    config: ({ type }) => ((type ?? 0) === 0 ? "msp.FabricMSPConfig" : type === 1 ? "msp.IdemixMSPConfig" : undefined),
  },
  "orderer.ConsensusType": {
    metadata: ({ type }) =>
      type === "etcdraft" ? "etcdraft.ConfigMetadata" : type === "BFT" ? "orderer.smartbft.Options" : undefined,
  },
};

/**
 * The message in a field of bytes; undefined where the bytes are nothing but bytes.
 * @param valueName the key of a configuration value in its group
 */
export function heldMessage(
  type: string,
  field: string,
  message: Message,
  role: Role | undefined,
  valueName: string,
): string | undefined {
  if (type === "common.ConfigValue" && field === "value") {
    return role === undefined ? undefined : member(VALUES[role], valueName);
  }
  if (type === "rwset.NsReadWriteSet" && field === "rwset") return role === "kv" ? "kvrwset.KVRWSet" : undefined;
  return member(ALWAYS[type], field) ?? member(DEPENDING[type], field)?.(message);
}

function payloadType({ header }: Message): string | undefined {
  const bytes = (header as common.IHeader | null | undefined)?.channelHeader;
  if (!(bytes instanceof Uint8Array)) return undefined;
  return PAYLOADS[common.ChannelHeader.decode(bytes).type];
}

function member<T>(table: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}
