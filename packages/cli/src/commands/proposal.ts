import { HansaError } from "@hansa/primitives";
import { propose } from "../api/acts.js";
import { typedId } from "../api/ids.js";
import { AS_MEMBER, Session } from "../api/session.js";
import type { ProposalSummary, ThresholdPolicy } from "../api/shapes.js";
import type { Call, Command } from "../command.js";
import { table } from "../output.js";
import { dryRun } from "./dry-run.js";
import { policyOf, proposalInWords, readProposal } from "./proposal-words.js";

export const proposalCreate: Command = {
  name: "proposal create",
  summary: "propose to invite accounts, to remove members, or to change how votes are counted",
  usage: "",
  details: "A proposal is no vote: the proposer votes like everybody else.",
  options: {
    as: AS_MEMBER,
    invite: { type: "string", value: "accounts", about: "account ids or profiles, with commas between them" },
    remove: { type: "string", value: "members", about: "members' names or ids, with commas between them" },
    policy: { type: "string", value: "rule", about: 'a new voting policy: ">50" or ">=66", "/48" after it for hours' },
    channels: { type: "string", value: "names", about: "channels the invited enter: all, none, or names" },
    description: { type: "string", value: "text", about: "why" },
    "dry-run": { type: "boolean", about: "only say who would have to vote, and what would change" },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    "hansa proposal create --as Farm --invite account2 --description 'We need a roaster'",
    "hansa proposal create --as Roaster --remove Farm --dry-run",
    "hansa proposal create --as Farm --policy '>=66'",
  ],
  async run(call) {
    const session = await Session.open(call);
    const scope = await session.member(call, call.options.text("as"));
    const accountIds = listOf(call, "invite").map((wanted) => accountId(session, wanted));
    const memberIds = await Promise.all(listOf(call, "remove").map((wanted) => session.memberId(scope, wanted)));
    const policy = call.options.text("policy");
    const channels = call.options.text("channels");
    if (accountIds.length + memberIds.length === 0 && policy === undefined)
      throw new HansaError("USAGE", "A proposal needs something to propose.", {
        nextStep: "Give --invite, --remove or --policy.",
      });
    const Tags = {
      ...(channels === undefined ? {} : { "hansa:channels": channels }),
      ...(policy === undefined ? {} : { "hansa:voting-policy": policyTag(policy, await policyOf(scope)) }),
    };
    const proposal = {
      MemberId: scope.member.Id,
      Description: call.options.text("description"),
      Actions: {
        ...(accountIds.length === 0 ? {} : { Invitations: accountIds.map((Principal) => ({ Principal })) }),
        ...(memberIds.length === 0 ? {} : { Removals: memberIds.map((MemberId) => ({ MemberId })) }),
      },
      ...(Object.keys(Tags).length === 0 ? {} : { Tags }),
    };
    if (call.options.flag("dry-run")) return dryRun(scope, proposal);
    const proposalId = await propose(scope, proposal);
    return {
      data: { ProposalId: proposalId },
      text: `Proposal ${proposalId} is open.\nVote on it with: hansa vote ${proposalId} yes --as <member>\n`,
    };
  },
};

export const proposalList: Command = {
  name: "proposal list",
  summary: "what was proposed in a network, and what became of it",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa proposal list"],
  async run(call) {
    const session = await Session.open(call);
    const { account, path } = await session.network(call);
    const proposals = await account.client.list<ProposalSummary>(`${path}/proposals`, "Proposals");
    const rows = proposals.map(
      ({ ProposalId, Status, ProposedByMemberName, CreationDate, ExpirationDate, Description }) => [
        ProposalId,
        Status,
        ProposedByMemberName,
        CreationDate.slice(0, 19),
        ExpirationDate.slice(0, 19),
        Description ?? "",
      ],
    );
    return {
      data: proposals,
      text:
        rows.length === 0
          ? "Nothing was proposed yet.\n"
          : table([["id", "status", "by", "made", "open until", "why"], ...rows]),
    };
  },
};

export const proposalShow: Command = {
  name: "proposal show",
  summary: "one proposal: what it would do, and the votes so far",
  usage: "<proposal>",
  positionals: { min: 1, max: 1 },
  examples: ["hansa proposal show p-ABC…"],
  async run(call) {
    const session = await Session.open(call);
    const scope = await session.network(call);
    const shown = await readProposal(scope, typedId(call.options.positionals[0]!, "p-ABC…"));
    return { data: shown, text: proposalInWords(shown, call.paint) };
  },
};

function listOf(call: Call, name: string): string[] {
  return (call.options.text(name) ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Twelve digits are an account wherever it is; anything else must be a profile that is known here. */
function accountId(session: Session, wanted: string): string {
  return /^\d{12}$/.test(wanted) ? wanted : session.account(wanted).accountId;
}

/** The tag that the API reads a new voting policy from. @throws HansaError USAGE */
function policyTag(text: string, current: ThresholdPolicy): string {
  const found = /^(>=?)\s*(\d{1,3})\s*%?(?:\s*\/\s*(\d{1,3})\s*h?)?$/.exec(text);
  if (found === null)
    throw new HansaError("USAGE", `The voting policy is "${text}"; expected for instance ">50", ">=66" or ">50/48".`);
  const [, sign, percent, hours = current.ProposalDurationInHours] = found;
  return `${sign === ">" ? "GREATER_THAN" : "GREATER_THAN_OR_EQUAL_TO"} ${percent} ${hours}`;
}
