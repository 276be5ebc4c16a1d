/** Strands drawn at random: sequences of acts, most of them allowed, since refused ones change nothing. */
import { type UnixMs, unixMs } from "@hansa/primitives";
import fc from "fast-check";
import type { Act, Rules, VotingPolicy } from "../acts.js";
import type { GovernanceRefusal } from "../error.js";
import { fold, type TimedAct } from "../fold.js";
import type { GovernanceState } from "../state.js";
import { accountOf, founding, HOUR_MS, START, testMember } from "./network.js";

type Step = { what: number; a: number; b: number; yes: boolean; waitMs: number };

export type Strand = {
  /** Accepted acts, the founding first. */
  readonly acts: readonly TimedAct[];
  /** After each of them. */
  readonly states: readonly GovernanceState[];
  readonly refused: readonly { act: Act; before: GovernanceState; at: UnixMs; refusal: GovernanceRefusal }[];
};

const NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXY";

const policy: fc.Arbitrary<VotingPolicy> = fc.record({
  thresholdPercentage: fc.constantFrom(0, 33, 34, 50, 50, 50, 51, 66, 67, 100),
  comparator: fc.constantFrom("GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO"),
  proposalDurationHours: fc.constantFrom(1, 24, 168),
});

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.nat(99),
  a: fc.nat(1000),
  b: fc.nat(1000),
  // Mostly YES, or hardly anything would ever pass.
  yes: fc.nat(9).map((n) => n < 8),
  waitMs: fc.oneof({ weight: 20, arbitrary: fc.nat(60_000) }, { weight: 1, arbitrary: fc.nat(20 * HOUR_MS) }),
});

/** @param options.failures whether channels may refuse what was decided */
export function strands(options: { failures?: boolean; rules?: Partial<Rules> } = {}): fc.Arbitrary<Strand> {
  const rules = fc.record({
    electorate: fc.constantFrom<Rules["electorate"]>("live", "snapshot"),
    rejection: fc.constantFrom<Rules["rejection"]>("unreachable", "no-share"),
    memberLimit: fc.constantFrom(0, 0, 4, 9),
    simulatedClock: fc.boolean(),
  });
  return fc
    .record({
      founders: fc.integer({ min: 1, max: 4 }),
      policy,
      rules,
      steps: fc.array(step, { maxLength: 120, size: "max" }),
      policies: fc.array(policy, { minLength: 1, maxLength: 4 }),
    })
    .map((drawn) => {
      const act = founding(NAMES.slice(0, drawn.founders), {
        policy: drawn.policy,
        rules: { ...drawn.rules, ...options.rules },
      });
      return play(act, drawn.steps, drawn.policies, options.failures ?? true);
    });
}

function play(first: Act, steps: readonly Step[], policies: readonly VotingPolicy[], failures: boolean): Strand {
  const acts: TimedAct[] = [];
  const states: GovernanceState[] = [];
  const refused: Strand["refused"][number][] = [];
  let at = START;
  const add = (act: Act) => {
    const before = states.at(-1);
    const folded = fold(before, act, at);
    if (folded.ok) {
      acts.push({ act, at });
      states.push(folded.state);
      at = folded.state.time;
    } else if (before !== undefined) refused.push({ act, before, at, refusal: folded.refusal });
  };
  add(first);
  steps.forEach((each, index) => {
    at = unixMs(at + each.waitMs);
    const state = states.at(-1);
    // Of what is refused by a deleted network, two examples are enough.
    if (state?.status === "DELETED" && refused.length > 1) return;
    if (state !== undefined) add(actFor(each, index, state, at, policies, failures));
  });
  const toText = () => acts.map(({ act, at }) => `${at - START} ${JSON.stringify(act)}`).join("\n");
  return { acts, states, refused, [fc.toStringMethod]: toText } as Strand;
}

function actFor(
  { what, a, b, yes }: Step,
  index: number,
  state: GovernanceState,
  at: UnixMs,
  policies: readonly VotingPolicy[],
  failures: boolean,
): Act {
  // Now and then one that is out already.
  const out = (status: string) => status === "left" || status === "failed";
  const known = [...state.members.values()];
  const inside = known.filter((each) => !out(each.status));
  const members = (what % 10 === 0 || inside.length === 0 ? known : inside).map((each) => each.memberId);
  const memberId = pick(members, a) ?? "m-A";
  const proposals = [...state.proposals.values()];
  const open = proposals.filter((each) => each.status === "IN_PROGRESS");
  const pending = [...state.invitations.values()].filter((each) => each.status === "PENDING");
  const [proposalId, enactment] = [`p-${index}`, state.enactments[0]];
  const invitation = pick(pending, b) ?? pick([...state.invitations.values()], b);
  if (what < 15) {
    const invitations = [...Array(1 + (b % 2)).keys()].map((i) => ({
      invitationId: `in-${index}X${i}`,
      accountId: accountOf(pick([...NAMES], a + b + i) as string),
    }));
    const removals = b % 7 === 0 ? [pick(members, b) as string] : [];
    return { kind: "proposed", proposalId, memberId, invitations, removals, tags: {} };
  }
  if (what < 22) {
    const removals = [...new Set([pick(members, b) as string, pick(members, a + b) as string])];
    return { kind: "proposed", proposalId, memberId, invitations: [], removals, tags: {} };
  }
  if (what < 25) {
    const newPolicy = pick(policies, b) as VotingPolicy;
    return { kind: "proposed", proposalId, memberId, invitations: [], removals: [], newPolicy, tags: {} };
  }
  if (what < 65) {
    const voted = pick(open, b) ?? pick(proposals, b);
    const waiting = members.filter((id) => voted?.votes.every((vote) => vote.memberId !== id));
    const voter = what < 63 ? (pick(waiting, a) ?? memberId) : memberId;
    return { kind: "voted", proposalId: voted?.proposalId ?? proposalId, memberId: voter, yes };
  }
  if (what < 78 && invitation !== undefined) {
    const { invitationId, accountId } = invitation;
    const name = `N${index}`;
    return { kind: "invitationAccepted", invitationId, member: { ...testMember(name, accountId) } };
  }
  if (what < 80 && invitation !== undefined) {
    return { kind: "invitationRejected", invitationId: invitation.invitationId };
  }
  if (what < 82) return { kind: "left", memberId };
  if (what < 98 && enactment !== undefined) {
    const failure = failures && b % 8 === 0 ? { failure: "refused" } : {};
    const channels = a % 2 === 0 ? [{ channelId: "trade", blockNumber: b }] : [];
    return { kind: "enacted", enactmentId: enactment.enactmentId, channels, ...failure };
  }
  return { kind: "clockAdvanced", to: unixMs(at + b * 60_000 - 60_000) };
}

function pick<T>(items: readonly T[], n: number): T | undefined {
  return items[n % items.length];
}
