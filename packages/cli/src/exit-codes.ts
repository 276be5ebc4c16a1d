/**
 * Every way the hansa command can end. Scripts rely on these numbers: they are never reused.
 * docs/reference/exit-codes.md is this table; a test compares the two.
 */
export const EXITS = [
  { exit: 0, codes: [], meaning: "done", advice: "" },
  {
    exit: 1,
    codes: ["UNEXPECTED"],
    meaning: "an error that Hansa did not foresee; its details are in the log it names",
    advice: "This is a mistake in Hansa. Run it again with HANSA_DEBUG=1 for details.",
  },
  {
    exit: 2,
    codes: ["USAGE"],
    meaning: "an unknown command or option, or a wrong value for one",
    advice: "See: hansa help",
  },
  {
    exit: 3,
    codes: ["NETWORK_FILE"],
    meaning: "the network file is wrong; each problem names its line",
    advice: "Correct the network file and run the command again.",
  },
  {
    exit: 4,
    codes: ["NETWORK_FILE_MISSING"],
    meaning: "there is no network file at the given path",
    advice: "Give the path of a network file, or the name of a network that comes with Hansa.",
  },
  {
    exit: 5,
    codes: ["NO_NETWORK"],
    meaning: "there is no network in the data folder, or several to choose from",
    advice: "Start one with: hansa up",
  },
  { exit: 6, codes: ["NOT_RUNNING"], meaning: "the network is not running", advice: "Start it with: hansa up" },
  {
    exit: 7,
    codes: ["PORT_IN_USE"],
    meaning: "a port that a node needs is taken",
    advice: "Stop the process that has the port, or give the node another one in the network file.",
  },
  {
    exit: 8,
    codes: ["NODE_FAILED", "LISTEN_FAILED"],
    meaning: "a node did not start",
    advice: "Its log says why: hansa logs <node>",
  },
  {
    exit: 9,
    codes: [
      "CORRUPT_STORE",
      "STORE_CORRUPT",
      "CORRUPT_STATE",
      "STATE_AHEAD_OF_BLOCKS",
      "STATE_LOST",
      "BLOCK_OUT_OF_ORDER",
      "DATA_HASH_MISMATCH",
      "PREVIOUS_HASH_MISMATCH",
      "DAMAGED",
      "HASH_MISMATCH",
      "JOURNAL_UNREADABLE",
      "STRAND_INVALID",
      "GOVERNANCE_DAMAGED",
      "WRONG_PASSPHRASE",
    ],
    meaning: "what a node or the network keeps on disk is damaged",
    advice: "Restore the files from a backup, or start over with: hansa down --wipe",
  },
  {
    exit: 10,
    codes: ["MISSING_IDENTITY"],
    meaning: "a user is not enrolled, or an identity's files are gone",
    advice: "Enrol the user with: hansa enrol <member> <user>",
  },
  {
    exit: 11,
    codes: ["UNKNOWN_MEMBER"],
    meaning: "the network has no such member",
    advice: "See the members with: hansa status",
  },
  {
    exit: 12,
    codes: ["UNKNOWN_CHANNEL"],
    meaning: "the network has no such channel",
    advice: "See the channels with: hansa channel list",
  },
  {
    exit: 13,
    codes: ["UNKNOWN_CONTRACT"],
    meaning: "the channel has no such contract",
    advice: "Deploy it with: hansa contract deploy <folder>",
  },
  {
    exit: 14,
    codes: ["UNKNOWN_FUNCTION"],
    meaning: "the contract has no such function",
    advice: "List its functions with: hansa query <contract> org.hyperledger.fabric:GetMetadata",
  },
  {
    exit: 15,
    codes: ["UNKNOWN_NODE"],
    meaning: "the network has no such node",
    advice: "See the nodes with: hansa status",
  },
  {
    exit: 16,
    codes: ["CONTRACT_NOT_FOUND"],
    meaning: "there is no contract at the given path",
    advice: "Give the contract's folder, or a chaincode package.",
  },
  {
    exit: 17,
    codes: ["CONTRACT_BUILD"],
    meaning: "the contract does not build, or is no chaincode package",
    advice: "Correct the contract and run the command again.",
  },
  {
    exit: 18,
    codes: ["CONTRACT_REFUSED", "ENDORSEMENT_REFUSED"],
    meaning: "the contract or its endorsers refused the transaction",
    advice: "Correct the arguments, or act as a member who may do this (--as).",
  },
  {
    exit: 19,
    codes: ["TRANSACTION_INVALID"],
    meaning: "the transaction was ordered but is invalid; the validation code is named",
    advice: "See why with: hansa tx explain <transaction-id>",
  },
  {
    exit: 20,
    codes: ["ORDERING_REFUSED"],
    meaning: "the orderer refused the transaction",
    advice: "The orderer's log says more: hansa logs orderer",
  },
  {
    exit: 21,
    codes: ["NODE_UNREACHABLE", "SUPERVISOR_UNREACHABLE"],
    meaning: "a node or the supervisor does not answer",
    advice: "See what the nodes are doing with: hansa status",
  },
  {
    exit: 22,
    codes: ["TIMED_OUT"],
    meaning: "something took longer than its time limit",
    advice: "See what the nodes are doing with: hansa status",
  },
  {
    exit: 23,
    codes: ["NETWORK_CHANGED"],
    meaning: "the network file's members differ from the network on disk",
    advice: "Members come and go by vote: see hansa apply --help",
  },
  {
    exit: 24,
    codes: ["COLLECTIONS"],
    meaning: "the collections file is wrong",
    advice: "Correct the collections file and run the command again.",
  },
  {
    exit: 25,
    codes: ["CONTRACT_NOT_RUNNING"],
    meaning: "the contract's process or server does not run",
    advice: "Its log says why: hansa logs <contract>",
  },
  {
    exit: 26,
    codes: ["IN_USE", "STORE_IN_USE", "NODE_RUNNING"],
    meaning: "another process starts or runs the network, or has its data open",
    advice: "Stop that process first, or wait for it.",
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
    advice: "See: hansa network show",
  },
  {
    exit: 28,
    codes: ["CONTROL_PLANE_NOT_RUNNING", "CONTROL_PLANE_UNREACHABLE"],
    meaning: "no control plane runs for the data folder, or it does not answer",
    advice: "Start it with: hansa control-plane up",
  },
  {
    exit: 29,
    codes: ["ACCOUNTS", "UNKNOWN_ACCOUNT"],
    meaning: "an account is not known, or the accounts file is wrong",
    advice: "See the accounts with: hansa control-plane status",
  },
  {
    exit: 30,
    codes: ["CREATE_FAILED"],
    meaning: "a network, member or node could not be made",
    advice: "Its log says why: hansa logs <node>",
  },
  {
    exit: 31,
    codes: ["PROOF_INVALID"],
    meaning: "a receipt, evidence or an export does not hold; what is wrong with it is named",
    advice: "Trust only what holds: ask another member for a proof of the same.",
  },
  {
    exit: 32,
    codes: ["UNKNOWN_TRANSACTION"],
    meaning: "the channel has no such transaction",
    advice: "Give the whole id, and the channel that it was sent to (--channel).",
  },
  {
    exit: 33,
    codes: ["JOURNAL_REFUSED", "EXPLANATION_REFUSED"],
    meaning: "the orderer refused a question about its journal, or a peer one about a transaction",
    advice: "Its log says more: hansa logs <node>",
  },
  {
    exit: 34,
    codes: ["EXPORT_STORE", "STREAM_TARGET", "STREAM_POSITION", "STREAM_BROKEN"],
    meaning: "the place of an export or the target of a stream cannot be read or written",
    advice: "Check the place, and who may read and write there.",
  },
  {
    exit: 35,
    codes: ["STRAND_EXISTS"],
    meaning: "the orderer's data folder has the channel already",
    advice: "Give the data folder of a new orderer.",
  },
  {
    exit: 36,
    codes: ["NETWORK_DELETED"],
    meaning: "the network ended when its last member left",
    advice: "Make another network with: hansa network create",
  },
  {
    exit: 37,
    codes: ["SIGNATURE_REFUSED", "AUTHORITY_REFUSED"],
    meaning: "a member's certificate authority refused to sign or to certify",
    advice: "The authority's log says more: hansa logs <node>",
  },
  {
    exit: 38,
    codes: ["NOT_FOUNDED"],
    meaning: "the network is just being founded; a moment later it is",
    advice: "Run the command again.",
  },
  {
    exit: 39,
    codes: ["NODE_FILES"],
    meaning: "core.yaml, orderer.yaml or what they name cannot be used",
    advice: "Correct the file and start the node again.",
  },
  {
    exit: 40,
    codes: [
      "JOIN_FAILED",
      "SNAPSHOT_MISSING",
      "SNAPSHOT_REFUSED",
      "SNAPSHOT_UNSOUND",
      "ALREADY_JOINED",
      "BEGAN_WITH_SNAPSHOT",
      "ROLLBACK_REFUSED",
      "NO_LEDGERS",
    ],
    meaning: "a snapshot cannot be used, or a peer's ledger cannot be brought to what was asked",
    advice: "See what each command needs: hansa help snapshot",
  },
  {
    exit: 41,
    codes: ["BLOCK_NOT_FOUND"],
    meaning: "the channel has no such block",
    advice: "See how many blocks there are with: hansa channel info <channel>",
  },
  {
    exit: 42,
    codes: ["FILE_ACCESS"],
    meaning: "the system does not let a file or folder be read or written",
    advice: "See who owns it, and whether the disk has room. Another data folder is given with --dir.",
  },
  {
    exit: 45,
    codes: ["MALFORMED_JSON", "MALFORMED", "INVALID_CONFIG", "UPDATE_REFUSED", "UNSUPPORTED", "STALE_CONFIG"],
    meaning: "a channel's configuration, or a change of it, is wrong",
    advice: "Begin with the configuration in force: hansa config show <channel>",
  },
  {
    exit: 46,
    codes: ["SIGNATURES_MISSING"],
    meaning: "members whose signatures a change needs have not signed it",
    advice: "Have the others sign with: hansa config sign",
  },
  {
    exit: 47,
    codes: ["LOCK_OUT"],
    meaning: "a change of a configuration would lock members out, or be refused",
    advice: "Change the configuration, or insist with --force.",
  },
  {
    exit: 70,
    codes: ["NOT_BUILT"],
    meaning: "the hansa command itself is not built",
    advice: "Build it with: npm run build",
  },
  { exit: 130, codes: ["INTERRUPTED"], meaning: "stopped with Ctrl-C", advice: "Run the command again when you like." },
] as const satisfies readonly { exit: number; codes: readonly string[]; meaning: string; advice: string }[];

const byCode = new Map<string, number>(EXITS.flatMap(({ exit, codes }) => codes.map((code) => [code, exit] as const)));

/** The exit code for an error's code; 1 for those the table does not know. */
export function exitOf(code: string): number {
  return byCode.get(code) ?? 1;
}

const advices = new Map<string, string>(
  EXITS.flatMap(({ codes, advice }) => codes.map((code) => [code, advice] as const)),
);

/** What to do next, in general, where an error does not say it better. */
export function adviceFor(code: string): string {
  return advices.get(code) ?? "The nodes' logs say more: hansa logs";
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
