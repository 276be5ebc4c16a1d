/**
 * Every way the hansa command can end. Scripts rely on these numbers: they are never reused.
 * docs/reference/exit-codes.md is this table; a test compares the two.
 */
export const EXITS = [
  { exit: 0, codes: [], meaning: "done" },
  {
    exit: 1,
    codes: ["UNEXPECTED"],
    meaning: "an error that Hansa did not foresee; its details are in the log it names",
  },
  { exit: 2, codes: ["USAGE"], meaning: "an unknown command or option, or a wrong value for one" },
  { exit: 3, codes: ["NETWORK_FILE"], meaning: "the network file is wrong; each problem names its line" },
  { exit: 4, codes: ["NETWORK_FILE_MISSING"], meaning: "there is no network file at the given path" },
  { exit: 5, codes: ["NO_NETWORK"], meaning: "there is no network in the data folder, or several to choose from" },
  { exit: 6, codes: ["NOT_RUNNING"], meaning: "the network is not running" },
  { exit: 7, codes: ["PORT_IN_USE"], meaning: "a port that a node needs is taken" },
  { exit: 8, codes: ["NODE_FAILED", "LISTEN_FAILED"], meaning: "a node did not start" },
  {
    exit: 9,
    codes: [
      "CORRUPT_STORE",
      "STORE_CORRUPT",
      "CORRUPT_STATE",
      "STATE_AHEAD_OF_BLOCKS",
      "DAMAGED",
      "HASH_MISMATCH",
      "STRAND_INVALID",
      "GOVERNANCE_DAMAGED",
      "WRONG_PASSPHRASE",
    ],
    meaning: "what a node or the network keeps on disk is damaged",
  },
  { exit: 10, codes: ["MISSING_IDENTITY"], meaning: "a user is not enrolled, or an identity's files are gone" },
  { exit: 11, codes: ["UNKNOWN_MEMBER"], meaning: "the network has no such member" },
  { exit: 12, codes: ["UNKNOWN_CHANNEL"], meaning: "the network has no such channel" },
  { exit: 13, codes: ["UNKNOWN_CONTRACT"], meaning: "the channel has no such contract" },
  { exit: 14, codes: ["UNKNOWN_FUNCTION"], meaning: "the contract has no such function" },
  { exit: 15, codes: ["UNKNOWN_NODE"], meaning: "the network has no such node" },
  { exit: 16, codes: ["CONTRACT_NOT_FOUND"], meaning: "there is no contract at the given path" },
  { exit: 17, codes: ["CONTRACT_BUILD"], meaning: "the contract does not build, or is no chaincode package" },
  {
    exit: 18,
    codes: ["CONTRACT_REFUSED", "ENDORSEMENT_REFUSED"],
    meaning: "the contract or its endorsers refused the transaction",
  },
  {
    exit: 19,
    codes: ["TRANSACTION_INVALID"],
    meaning: "the transaction was ordered but is invalid; the validation code is named",
  },
  { exit: 20, codes: ["ORDERING_REFUSED"], meaning: "the orderer refused the transaction" },
  {
    exit: 21,
    codes: ["NODE_UNREACHABLE", "SUPERVISOR_UNREACHABLE"],
    meaning: "a node or the supervisor does not answer",
  },
  { exit: 22, codes: ["TIMED_OUT"], meaning: "something took longer than its time limit" },
  { exit: 23, codes: ["NETWORK_CHANGED"], meaning: "the network file's members differ from the network on disk" },
  { exit: 24, codes: ["COLLECTIONS"], meaning: "the collections file is wrong" },
  { exit: 25, codes: ["CONTRACT_NOT_RUNNING"], meaning: "the contract's process or server does not run" },
  {
    exit: 26,
    codes: ["IN_USE", "STORE_IN_USE"],
    meaning: "another process starts or runs the network, or has its data open",
  },
  {
    exit: 27,
    codes: [
      "InvalidRequestException",
      "IllegalActionException",
      "AccessDeniedException",
      "ResourceNotFoundException",
      "ResourceAlreadyExistsException",
      "ResourceNotReadyException",
      "ResourceLimitExceededException",
      "TooManyTagsException",
      "ThrottlingException",
      "InternalServiceErrorException",
      "BadRequestException",
      "UnrecognizedClientException",
      "InvalidSignatureException",
      "MissingAuthenticationTokenException",
    ],
    meaning: "the Managed Blockchain API refused the request; the code is its own name for the reason",
  },
  {
    exit: 28,
    codes: ["CONTROL_PLANE_NOT_RUNNING", "CONTROL_PLANE_UNREACHABLE"],
    meaning: "no control plane runs for the data folder, or it does not answer",
  },
  {
    exit: 29,
    codes: ["ACCOUNTS", "UNKNOWN_ACCOUNT"],
    meaning: "an account is not known, or the accounts file is wrong",
  },
  { exit: 30, codes: ["CREATE_FAILED"], meaning: "a network, member or node could not be made" },
  {
    exit: 31,
    codes: ["PROOF_INVALID"],
    meaning: "a receipt, evidence or an export does not hold; what is wrong with it is named",
  },
  { exit: 32, codes: ["UNKNOWN_TRANSACTION"], meaning: "the channel has no such transaction" },
  {
    exit: 33,
    codes: ["JOURNAL_REFUSED", "EXPLANATION_REFUSED"],
    meaning: "the orderer refused a question about its journal, or a peer one about a transaction",
  },
  {
    exit: 34,
    codes: ["EXPORT_STORE", "STREAM_TARGET", "STREAM_POSITION", "STREAM_BROKEN"],
    meaning: "the place of an export or the target of a stream cannot be read or written",
  },
  { exit: 35, codes: ["STRAND_EXISTS"], meaning: "the orderer's data folder has the channel already" },
  { exit: 36, codes: ["NETWORK_DELETED"], meaning: "the network ended when its last member left" },
  {
    exit: 37,
    codes: ["SIGNATURE_REFUSED", "AUTHORITY_REFUSED"],
    meaning: "a member's certificate authority refused to sign or to certify",
  },
  { exit: 38, codes: ["NOT_FOUNDED"], meaning: "the network is just being founded; a moment later it is" },
  { exit: 39, codes: ["NODE_FILES"], meaning: "core.yaml, orderer.yaml or what they name cannot be used" },
  {
    exit: 45,
    codes: ["MALFORMED_JSON", "MALFORMED", "INVALID_CONFIG", "UPDATE_REFUSED", "UNSUPPORTED", "STALE_CONFIG"],
    meaning: "a channel's configuration, or a change of it, is wrong",
  },
  { exit: 46, codes: ["SIGNATURES_MISSING"], meaning: "members whose signatures a change needs have not signed it" },
  { exit: 47, codes: ["LOCK_OUT"], meaning: "a change of a configuration would lock members out, or be refused" },
  { exit: 70, codes: ["NOT_BUILT"], meaning: "the hansa command itself is not built" },
  { exit: 130, codes: ["INTERRUPTED"], meaning: "stopped with Ctrl-C" },
] as const satisfies readonly { exit: number; codes: readonly string[]; meaning: string }[];

const byCode = new Map<string, number>(EXITS.flatMap(({ exit, codes }) => codes.map((code) => [code, exit] as const)));

/** The exit code for an error's code; 1 for those the table does not know. */
export function exitOf(code: string): number {
  return byCode.get(code) ?? 1;
}

/** docs/reference/exit-codes.md */
export function exitCodesPage(): string {
  const rows = EXITS.map(({ exit, codes, meaning }) => [
    String(exit),
    codes.map((code) => `\`${code}\``).join(", "),
    meaning,
  ]);
  const all = [["exit", "code", "meaning"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], filler = " ") =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!, filler)).join(" | ")} |`;
  return [
    "# Exit codes of the hansa command",
    "",
    "Every command ends with one of these. With `--json`, an error is printed as JSON with the same code by name:",
    '`{"error": {"code", "exit", "message", "nextStep"}}`. The numbers are never reused.',
    "Commands that stand in for a program of Fabric (`hansa peer node`, `hansa orderer`) end with its number, 1.",
    "",
    line(all[0]!),
    line(["", "", ""], "-"),
    ...rows.map((row) => line(row)),
    "",
  ].join("\n");
}
