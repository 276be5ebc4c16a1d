/** The form of acts: what can be said of one without knowing the state. Lengths are those of the managed service's API. */
import { type Bytes, characterCount, messageOf } from "@hansa/primitives";
import { decode, msp } from "@hansa/wire";
import type { Act, ChannelChoice, Founded, MemberIdentity, Proposed, VotingPolicy } from "./acts.js";
import { GovernanceRefusal } from "./error.js";

const MAX_ACTIONS = 100;
const MAX_CHANNELS = 256;
const MAX_TAGS = 50;
const MAX_FAILURE_LENGTH = 4096;
const MAX_FOUNDERS = 10_000;
/** What a Date can hold. */
const MAX_TIME_MS = 8_640_000_000_000_000;

const CHECKS: { readonly [Kind in Act["kind"]]: (act: Extract<Act, { kind: Kind }>) => void } = {
  founded: checkFounded,
  proposed: checkProposed,
  voted({ proposalId, memberId }) {
    checkId("p", proposalId);
    checkId("m", memberId);
  },
  invitationAccepted({ invitationId, member }) {
    checkId("in", invitationId);
    checkMember(member);
    require(/^(?!-|[0-9])(?!.*-$)(?!.*?--)[a-zA-Z0-9-]+$/.test(
      member.name,
    ), `"${member.name}" cannot be a member's name`, "Use letters, digits and single dashes, beginning with a letter.");
  },
  invitationRejected({ invitationId }) {
    checkId("in", invitationId);
  },
  left({ memberId }) {
    checkId("m", memberId);
  },
  enacted({ channels, failure = "" }) {
    require(channels.length <= MAX_CHANNELS, `a change names ${channels.length} channels`);
    require(failure.length <= MAX_FAILURE_LENGTH, "the reason of a failure is too long");
  },
  clockAdvanced({ to }) {
    require(Number.isSafeInteger(to) && to > 0 && to <= MAX_TIME_MS, `${to} is not a time in milliseconds`);
  },
};

/** @throws GovernanceRefusal INVALID */
export function checkForm(act: Act): void {
  (CHECKS[act.kind] as (act: Act) => void)(act);
}

function checkFounded(act: Founded): void {
  checkId("n", act.networkId);
  require(/\S/.test(act.name) && characterCount(act.name) <= 64, "a network's name has 1 to 64 characters");
  checkDescription(act.description);
  require(/^\S{1,8}$/.test(act.frameworkVersion), `"${act.frameworkVersion}" is no framework version`);
  checkPolicy(act.policy);
  require(isCount(act.rules.memberLimit), `${act.rules.memberLimit} is no limit of members`);
  checkChoice(act.channels);
  checkIdentity("the operator's governance identity", act.operatorIdentity, act.operatorMspConfig);
  require(act.members.length > 0, "a network is founded with at least one member");
  require(act.members.length <= MAX_FOUNDERS, `a network cannot be founded with ${act.members.length} members`);
  for (const member of act.members) checkMember(member);
}

function checkProposed(act: Proposed): void {
  checkId("p", act.proposalId);
  checkId("m", act.memberId);
  checkDescription(act.description);
  const actions = act.invitations.length + act.removals.length;
  if (act.newPolicy !== undefined) {
    require(actions ===
      0, "a new voting policy cannot be proposed together with invitations or removals", "Make two proposals: which votes the second needs would otherwise depend on the first.");
    checkPolicy(act.newPolicy);
  } else {
    require(actions > 0, "the proposal proposes nothing", "Name an account to invite or a member to remove.");
  }
  require(actions <= MAX_ACTIONS, `a proposal has at most ${MAX_ACTIONS} actions, not ${actions}`);
  for (const { invitationId, accountId } of act.invitations) {
    checkId("in", invitationId);
    checkAccount(accountId);
  }
  for (const id of act.removals) checkId("m", id);
  checkUnique("member to remove", act.removals);
  checkUnique(
    "invitation",
    act.invitations.map((each) => each.invitationId),
  );
  checkTags(act.tags);
  if (act.channels !== undefined) checkChoice(act.channels);
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  require(entries.length <= MAX_TAGS, `a proposal has at most ${MAX_TAGS} tags, not ${entries.length}`);
  for (const [key, value] of entries) {
    require(key !== "" && characterCount(key) <= 128, "a tag's key has 1 to 128 characters");
    require(characterCount(value) <= 256, `the value of tag "${key}" is longer than 256 characters`);
  }
}

/** @throws GovernanceRefusal INVALID */
export function checkPolicy(policy: VotingPolicy): void {
  const { thresholdPercentage: percentage, proposalDurationHours: hours } = policy;
  require(isCount(percentage) &&
    percentage <= 100, `a threshold of ${percentage} % is not allowed`, "Choose a whole number from 0 to 100.");
  require(isCount(hours) &&
    hours >= 1 &&
    hours <= 168, `a proposal cannot be open for ${hours} hours`, "Choose a whole number from 1 to 168.");
}

function checkChoice(choice: ChannelChoice): void {
  if (choice.kind !== "listed") return;
  require(choice.names.length > 0, "the list of channels is empty", 'Choose "none" if the invited enter no channel.');
  require(choice.names.length <= MAX_CHANNELS, `the list names ${choice.names.length} channels`);
  for (const name of choice.names) {
    require(/^[a-z][a-z0-9.-]{0,248}$/.test(name), `"${name}" cannot be a channel's name`);
  }
  checkUnique("channel", choice.names);
}

function checkMember(member: MemberIdentity): void {
  checkId("m", member.memberId);
  require(/\S/.test(member.name) && characterCount(member.name) <= 64, "a member's name has 1 to 64 characters");
  checkDescription(member.description);
  checkAccount(member.accountId);
  require(/^[A-Za-z0-9.-]{1,249}$/.test(member.mspId), `"${member.mspId}" cannot be an MSP id`);
  const what = `the governance identity of ${member.name}`;
  const mspId = checkIdentity(what, member.governanceIdentity, member.mspConfig);
  require(mspId === member.mspId, `${what} belongs to ${mspId}, not to ${member.mspId}`);
}

/** Gives the MSP id, which must be the same in both. */
function checkIdentity(what: string, identity: Bytes, mspConfig: Bytes): string {
  const named = mspIdOf(mspConfig);
  const { mspid } = readPart(what, () => decode(msp.SerializedIdentity, identity, "msp.SerializedIdentity"));
  require(mspid !== "" && mspid === named, `${what} is of MSP "${mspid}", its definition of "${named}"`);
  return named;
}

/**
 * The MSP id that a definition gives itself.
 * @throws GovernanceRefusal INVALID
 */
export function mspIdOf(mspConfig: Bytes): string {
  return readPart("an MSP definition", () => {
    const { config } = decode(msp.MSPConfig, mspConfig, "msp.MSPConfig");
    return decode(msp.FabricMSPConfig, config, "msp.FabricMSPConfig").name;
  });
}

function readPart<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new GovernanceRefusal("INVALID", `${what} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Ids become names of hosts and folders, so they hold nothing else than letters and digits. */
const IDS = { n: /^n-[A-Za-z0-9]+$/, m: /^m-[A-Za-z0-9]+$/, p: /^p-[A-Za-z0-9]+$/, in: /^in-[A-Za-z0-9]+$/ } as const;
const MAX_ID_LENGTH = 32;

function checkId(prefix: keyof typeof IDS, id: string): void {
  require(id.length <= MAX_ID_LENGTH && IDS[prefix].test(id), `"${id}" is not an id of the form ${prefix}-…`);
}

function checkAccount(accountId: string): void {
  require(/^[0-9]{12}$/.test(accountId), `"${accountId}" is no account`, "An account has 12 digits.");
}

function checkDescription(description: string | undefined): void {
  require(characterCount(description ?? "") <= 128, "a description has at most 128 characters");
}

function checkUnique(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  require(twice === undefined, `${what} ${twice} is named twice`);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

function require(holds: boolean, message: string, nextStep?: string): void {
  if (!holds) throw new GovernanceRefusal("INVALID", message, nextStep === undefined ? {} : { nextStep });
}
