/**
 * Two tags through which any client of the managed service reaches what is beyond it:
 *
 *     hansa:channels       all | none | name name …              channels that the invited enter
 *     hansa:voting-policy  GREATER_THAN 50 24                     a new policy: comparator, percentage, hours
 */
import type { ChannelChoice, VotingPolicy } from "@hansa/governance";
import { invalid } from "../errors.js";

export const CHANNELS_TAG = "hansa:channels";
export const POLICY_TAG = "hansa:voting-policy";

export type ProposalExtras = { readonly channels?: ChannelChoice; readonly newPolicy?: VotingPolicy };

export function readProposalTags(tags: Readonly<Record<string, string>> = {}): ProposalExtras {
  const unknown = Object.keys(tags).find(
    (key) => key.startsWith("hansa:") && key !== CHANNELS_TAG && key !== POLICY_TAG,
  );
  if (unknown !== undefined)
    throw invalid(`Tag ${unknown} is not one that Hansa knows; ${CHANNELS_TAG} and ${POLICY_TAG} are.`);
  const [channels, policy] = [tags[CHANNELS_TAG], tags[POLICY_TAG]];
  return {
    ...(channels === undefined ? {} : { channels: readChannels(channels) }),
    ...(policy === undefined ? {} : { newPolicy: readPolicy(policy) }),
  };
}

function readChannels(text: string): ChannelChoice {
  const names = text.split(/[\s,]+/).filter((name) => name !== "");
  if (names.length === 1 && names[0] === "all") return { kind: "all" };
  if (names.length === 1 && names[0] === "none") return { kind: "none" };
  const wrong = names.find((name) => !/^[a-z][a-z0-9.-]{0,248}$/.test(name));
  if (names.length === 0 || wrong !== undefined || new Set(names).size !== names.length)
    throw invalid(`Tag ${CHANNELS_TAG} must be "all", "none" or different channel names, not "${text}".`);
  return { kind: "listed", names };
}

function readPolicy(text: string): VotingPolicy {
  const [, comparator, percentage, hours] =
    /^(GREATER_THAN|GREATER_THAN_OR_EQUAL_TO) (\d{1,3}) (\d{1,3})$/.exec(text) ?? [];
  const policy = {
    comparator: comparator as VotingPolicy["comparator"],
    thresholdPercentage: Number(percentage),
    proposalDurationHours: Number(hours),
  };
  const { thresholdPercentage: share, proposalDurationHours: life } = policy;
  if (comparator === undefined || share > 100 || life < 1 || life > 168)
    throw invalid(
      `Tag ${POLICY_TAG} must be a comparator, a percentage from 0 to 100 and hours from 1 to 168, as in "GREATER_THAN 50 24"; it is "${text}".`,
    );
  return policy;
}
