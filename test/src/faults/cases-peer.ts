/** Bad messages to a peer's endorser and gateway, with what Fabric says to them. */
import { randomBytes } from "node:crypto";
import { encode, gateway, HeaderType, protos } from "@hansa/wire";
import {
  type Case,
  cast,
  everyone,
  GARBAGE,
  gatewayProposal,
  HALF_AN_HOUR_MS,
  NO_MESSAGE,
  NO_REQUEST,
  proposal,
  requestOf,
  strangers,
  submission,
} from "./cast.js";
import { chaincodeEventsRequest, commitStatusRequest, flipped, highS, signedProposal } from "./forge.js";

export const processProposalCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_REQUEST],
  ["nothing", () => Buffer.alloc(0), "UNKNOWN ChaincodeHeaderExtension.ChaincodeId is nil"],
  [
    "an empty proposal",
    () => encode(protos.SignedProposal, { signature: Buffer.from("s") }),
    "UNKNOWN ChaincodeHeaderExtension.ChaincodeId is nil",
  ],
  [
    "a wrong signature",
    () => proposal({ signature: (right) => flipped(right) }),
    "UNKNOWN error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
  ],
  [
    "no signature",
    () => proposal({ signature: () => Buffer.alloc(0) }),
    "UNKNOWN error validating proposal: empty signature bytes",
  ],
  [
    "a signature that is none",
    () => proposal({ signature: () => randomBytes(70) }),
    "UNKNOWN error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
  ],
  [
    "a signature with a high S",
    () => proposal({ signature: highS }),
    "UNKNOWN error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
  ],
  ["no creator", () => proposal({ creator: Buffer.alloc(0) }), "UNKNOWN error validating proposal: creator is empty"],
  [
    "a creator that is none",
    () => proposal({ creator: GARBAGE }),
    "UNKNOWN error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
  ],
  ["no nonce", () => proposal({ nonce: Buffer.alloc(0) }), "UNKNOWN error validating proposal: nonce is empty"],
  [
    "a wrong transaction id",
    () => proposal({ txId: "0".repeat(64), nonce: Buffer.alloc(24, 1) }),
    /^UNKNOWN error validating proposal: incorrectly computed txid '0000000000000000000000000000000000000000000000000000000000000000'/,
  ],
  ["an unknown channel", () => proposal({ channelId: "nowhere" }), "500: channel 'nowhere' not found"],
  ["a channel id that is none", () => proposal({ channelId: "../\u0000" }), "500: channel '../\u0000' not found"],
  [
    "an unknown chaincode",
    () => proposal({ chaincode: "nothing" }),
    "500: make sure the chaincode nothing has been successfully defined on channel trade and try again: chaincode nothing not found",
  ],
  [
    "no chaincode",
    () => proposal({ extension: Buffer.alloc(0) }),
    "UNKNOWN ChaincodeHeaderExtension.ChaincodeId is nil",
  ],
  [
    "a chaincode without a name",
    () => proposal({ chaincode: "" }),
    "UNKNOWN ChaincodeHeaderExtension.ChaincodeId.Name is empty",
  ],
  [
    "no input",
    () => proposal({ payload: Buffer.alloc(0) }),
    "UNKNOWN chaincode invocation spec did not contain chaincode spec",
  ],
  ["an unknown header type", () => proposal({ type: 99 }), "UNKNOWN error validating proposal: invalid header type 99"],
  [
    "a header type of another service",
    () => proposal({ type: HeaderType.DELIVER_SEEK_INFO }),
    "UNKNOWN error validating proposal: invalid header type DELIVER_SEEK_INFO",
  ],
  ["an epoch", () => proposal({ epoch: 7 }), "UNKNOWN error validating proposal: epoch is non-zero"],
  ["a proposal of long ago", () => proposal({ timestampMs: Date.now() - HALF_AN_HOUR_MS }), '500: no value at "none"'],
  ["no time", () => proposal({ timestampMs: undefined }), '500: no value at "none"'],
  [
    "a join without a block",
    () => proposal({ channelId: "", chaincode: "cscc", type: HeaderType.CONFIG, args: ["JoinChain"] }),
    "500: Incorrect number of arguments, 1",
  ],
  [
    "a join of garbage",
    () => proposal({ channelId: "", chaincode: "cscc", type: HeaderType.CONFIG, args: ["JoinChain", GARBAGE] }),
    /^500: Failed to reconstruct the genesis block, error unmarshalling Block: proto: cannot parse invalid wire-format data$/,
  ],
  [
    "a join of garbage by an admin",
    () =>
      signedProposal({
        identity: cast.admin,
        channelId: "",
        chaincode: "cscc",
        type: HeaderType.CONFIG,
        args: ["JoinChain", GARBAGE],
      }).bytes,
    /^500: Failed to reconstruct the genesis block, error unmarshalling Block: proto: cannot parse invalid wire-format data$/,
  ],
  [
    "an installation by who may not",
    () => proposal({ channelId: "", chaincode: "_lifecycle", args: ["InstallChaincode", GARBAGE] }),
    /^500: Failed to authorize invocation due to failed ACL check: Failed verifying that proposa/,
  ],
  [
    "an installation of garbage",
    () =>
      signedProposal({
        identity: cast.admin,
        channelId: "",
        chaincode: "_lifecycle",
        args: ["InstallChaincode", GARBAGE],
      }).bytes,
    /^500: failed to invoke backing implementation of 'InstallChaincode': could not decode input arg for \*lifecycle\.Invocation\.InstallChaincode/,
  ],
  [
    "a query for a block number that is none",
    () => proposal({ chaincode: "qscc", args: ["GetBlockByNumber", "trade", "-1"] }),
    '500: Failed to parse block number with error strconv.ParseUint: parsing "-1": invalid syntax',
  ],
  [
    "a query for a block that is not there",
    () => proposal({ chaincode: "qscc", args: ["GetBlockByNumber", "trade", "99999999999999999999"] }),
    '500: Failed to parse block number with error strconv.ParseUint: parsing "99999999999999999999": value out of range',
  ],
  [
    "a query without arguments",
    () => proposal({ chaincode: "qscc", args: [] }),
    "500: Incorrect number of arguments, 0",
  ],
  [
    "a query of another channel",
    () => proposal({ chaincode: "qscc", args: ["GetChainInfo", "nowhere"] }),
    "500: Invalid chain ID, nowhere",
  ],
  ...strangers((identity) => proposal({ identity }), {
    unknown:
      "UNKNOWN error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
    expired: "UNKNOWN proposal client identity expired",
    revoked: "UNKNOWN error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
    outside:
      "UNKNOWN error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
  }),
];

const NOT_ENDORSED = "ABORTED failed to endorse transaction, see attached details for more info";
export const endorseCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_REQUEST],
  ["nothing", () => Buffer.alloc(0), "INVALID_ARGUMENT the proposed transaction must contain a signed proposal"],
  [
    "an empty proposal",
    () => requestOf(Buffer.alloc(0)),
    "INVALID_ARGUMENT the proposed transaction must contain a signed proposal",
  ],
  ["a wrong signature", () => gatewayProposal({ signature: (right) => flipped(right) }), NOT_ENDORSED],
  ["a signature with a high S", () => gatewayProposal({ signature: highS }), NOT_ENDORSED],
  ["a creator that is none", () => gatewayProposal({ creator: GARBAGE }), NOT_ENDORSED],
  ["a wrong transaction id", () => gatewayProposal({ txId: "0".repeat(64) }), NOT_ENDORSED],
  [
    "an unknown channel",
    () => gatewayProposal({ channelId: "nowhere" }),
    "FAILED_PRECONDITION no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode bench in channel nowhere",
  ],
  [
    "no channel",
    () => gatewayProposal({ channelId: "" }),
    "FAILED_PRECONDITION no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode bench in channel ",
  ],
  [
    "an unknown chaincode",
    () => gatewayProposal({ chaincode: "nothing" }),
    "FAILED_PRECONDITION no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode nothing in channel trade",
  ],
  [
    "no input",
    () => gatewayProposal({ payload: Buffer.alloc(0) }),
    "FAILED_PRECONDITION no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode  in channel trade",
  ],
  ["an unknown header type", () => gatewayProposal({ type: 99 }), NOT_ENDORSED],
  ...strangers((identity) => gatewayProposal({ identity }), everyone(NOT_ENDORSED)),
];

export const evaluateCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_REQUEST],
  [
    "nothing",
    () => Buffer.alloc(0),
    "INVALID_ARGUMENT failed to unpack transaction proposal: a signed proposal is required",
  ],
  [
    "an empty proposal",
    () => requestOf(Buffer.alloc(0)),
    "INVALID_ARGUMENT failed to unpack transaction proposal: a signed proposal is required",
  ],
  [
    "a wrong signature",
    () => gatewayProposal({ signature: (right) => flipped(right) }),
    "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
  ],
  [
    "a signature with a high S",
    () => gatewayProposal({ signature: highS }),
    "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
  ],
  [
    "a creator that is none",
    () => gatewayProposal({ creator: GARBAGE }),
    "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
  ],
  [
    "a wrong transaction id",
    () => gatewayProposal({ txId: "0".repeat(64) }),
    /^FAILED_PRECONDITION evaluate call to endorser returned error: .*incorrectly computed txid/,
  ],
  [
    "an unknown channel",
    () => gatewayProposal({ channelId: "nowhere" }),
    "UNAVAILABLE failed to get config for channel [nowhere]: could not get last config for channel nowhere",
  ],
  [
    "no channel",
    () => gatewayProposal({ channelId: "" }),
    "INVALID_ARGUMENT failed to unpack transaction proposal: no channel id provided",
  ],
  [
    "an unknown chaincode",
    () => gatewayProposal({ chaincode: "nothing" }),
    "FAILED_PRECONDITION no peers available to evaluate chaincode nothing in channel trade",
  ],
  [
    "no input",
    () => gatewayProposal({ payload: Buffer.alloc(0) }),
    "INVALID_ARGUMENT failed to unpack transaction proposal: no chaincode name is provided, channel id [trade]",
  ],
  [
    "an unknown header type",
    () => gatewayProposal({ type: 99 }),
    "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: invalid header type 99",
  ],
  ...strangers((identity) => gatewayProposal({ identity }), {
    unknown:
      "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
    expired: "FAILED_PRECONDITION evaluate call to endorser returned error: proposal client identity expired",
    revoked:
      "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org [AlphaMSP]",
    outside:
      "FAILED_PRECONDITION evaluate call to endorser returned error: error validating proposal: access denied: channel [trade] creator org unknown, creator is malformed",
  }),
];

export const submitCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_REQUEST],
  ["nothing", () => Buffer.alloc(0), "INVALID_ARGUMENT a prepared transaction is required"],
  [
    "no signature",
    () => encode(gateway.SubmitRequest, { channelId: "trade", preparedTransaction: { payload: GARBAGE } }),
    "INVALID_ARGUMENT prepared transaction must be signed",
  ],
  [
    "an unknown channel",
    () => submission({ channelId: "nowhere" }),
    "FAILED_PRECONDITION failed to get config for channel [nowhere]: could not get last config for channel nowhere",
  ],
  [
    "a wrong signature",
    () => submission({ signature: (right) => flipped(right) }),
    /^ABORTED received unsuccessful response from orderer: status=FORBIDDEN, info=implicit polic/,
  ],
  ["an unknown header type", () => submission({ type: 99 }), "message"],
  ...strangers((identity) => submission({ identity }), {
    ...everyone(/^ABORTED received unsuccessful response from orderer: status=FORBIDDEN, info=.*: permission denied$/),
    expired:
      "ABORTED received unsuccessful response from orderer: status=BAD_REQUEST, info=broadcast client identity expired",
  }),
];

export const commitStatusCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_REQUEST],
  ["nothing", () => Buffer.alloc(0), "INVALID_ARGUMENT a commit status request is required"],
  [
    "a request that is none",
    () => commitStatusRequest({ identity: cast.user, data: GARBAGE }),
    /^INVALID_ARGUMENT invalid status request/,
  ],
  [
    "a wrong signature",
    () => commitStatusRequest({ identity: cast.user, signature: (right) => flipped(right) }),
    /^PERMISSION_DENIED Failed evaluating policy on signed data during check policy on channel \[/,
  ],
  [
    "a signature with a high S",
    () => commitStatusRequest({ identity: cast.user, signature: highS }),
    /^PERMISSION_DENIED Failed evaluating policy on signed data during check policy on channel \[/,
  ],
  [
    "no identity",
    () => commitStatusRequest({ identity: cast.user, creator: Buffer.alloc(0) }),
    "INVALID_ARGUMENT no identity provided",
  ],
  [
    "an unknown channel",
    () => commitStatusRequest({ identity: cast.user, channelId: "nowhere" }),
    "PERMISSION_DENIED Failed to get policy manager for channel [nowhere]",
  ],
  [
    "no channel",
    () => commitStatusRequest({ identity: cast.user, channelId: "" }),
    "INVALID_ARGUMENT no channel ID provided",
  ],
  ...strangers((identity) => commitStatusRequest({ identity, txId: cast.deployment }), {
    ...everyone(/^PERMISSION_DENIED Failed evaluating policy on signed data during check policy on channel \[trade\]/),
    // As in Fabric: only proposals, orderers and Deliver look at the time.
    expired: "message",
  }),
];

export const chaincodeEventsCases: readonly Case[] = [
  ["garbage", () => GARBAGE, NO_MESSAGE],
  ["nothing", () => Buffer.alloc(0), "INVALID_ARGUMENT a chaincode events request is required"],
  [
    "a request that is none",
    () => chaincodeEventsRequest({ identity: cast.user, data: GARBAGE }),
    /^INVALID_ARGUMENT invalid chaincode events request/,
  ],
  [
    "a wrong signature",
    () => chaincodeEventsRequest({ identity: cast.user, signature: (right) => flipped(right) }),
    /^PERMISSION_DENIED Failed evaluating policy on signed data during check policy on channel \[/,
  ],
  [
    "an unknown channel",
    () => chaincodeEventsRequest({ identity: cast.user, channelId: "nowhere" }),
    "PERMISSION_DENIED Failed to get policy manager for channel [nowhere]",
  ],
  [
    "a start at the oldest block",
    () =>
      chaincodeEventsRequest({
        identity: cast.user,
        data: encode(gateway.ChaincodeEventsRequest, {
          channelId: "trade",
          chaincodeId: "bench",
          identity: cast.user.serialized,
          startPosition: { oldest: {} },
        }),
      }),
    "INVALID_ARGUMENT invalid start position type: *orderer.SeekPosition_Oldest",
  ],
  ...strangers(
    (identity) => chaincodeEventsRequest({ identity }),
    everyone(/^PERMISSION_DENIED Failed evaluating policy on signed data during check policy on channel \[trade\]/),
  ).filter(([what]) => what !== "an expired identity"),
];
