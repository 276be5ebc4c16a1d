/**
 * Which combinations of principals satisfy a policy, and which satisfy several policies at once.
 *
 * A set may hold a principal more than once: two different peers of it must then sign. Sets are bounded, because a
 * policy of k out of n has more combinations than atoms when n is large, and so is the work of merging, because key-level
 * policies come from contracts and clients. What is left when there are too many is spread evenly over all of them.
 * Source: hyperledger/fabric, common/policies/inquire (inquire.go, merge.go) and common/graph/perm.go.
 */
import type { common } from "@hansa/wire";
import { PlanError } from "./error.js";
import { implies, type Principal, readPrincipal } from "./principal.js";

export type PrincipalSet = readonly Principal[];

/** Combinations of the direct parts of one rule, and sets of a whole policy. */
const MAX_COMBINATIONS = 10_000;
/** Sets of each side when two policies meet: every set is compared with every other. */
const MAX_MERGED = 300;
/** The same where many policies meet one after the other. */
const FEWEST_MERGED = 20;
/** Principals in all sets that one merging makes. */
const MAX_WRITTEN = 200_000;
/** Every set is compared with every other here, too; beyond it redundant ones stay, which does no harm. */
const MAX_REDUCED = 600;
const MAX_DEPTH = 64;

/**
 * Every minimal way to satisfy the policy; empty when there is none or the policy is malformed.
 */
export function satisfyingSets(policy: common.ISignaturePolicyEnvelope): PrincipalSet[] {
  const principals = (policy.identities ?? []).map(readPrincipal);
  return (policy.rule && setsOf(policy.rule, principals, 0)) ?? [];
}

/** undefined when a part of the rule makes no sense: the whole policy is then void. */
function setsOf(
  rule: common.ISignaturePolicy,
  principals: readonly (Principal | undefined)[],
  depth: number,
): PrincipalSet[] | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (!rule.nOutOf) {
    const principal = principals[rule.signedBy ?? 0];
    return principal && [[principal]];
  }
  const wanted = rule.nOutOf.n ?? 0;
  if (wanted <= 0) return undefined;
  const parts: PrincipalSet[][] = [];
  for (const part of rule.nOutOf.rules ?? []) {
    const sets = setsOf(part, principals, depth + 1);
    if (sets === undefined) return undefined;
    parts.push(sets);
  }
  while (combinationsExceed(parts.length, wanted, MAX_COMBINATIONS)) parts.pop();
  const found: PrincipalSet[] = [];
  for (const chosen of choose(parts, wanted)) {
    for (const set of products(chosen)) {
      found.push(set);
      if (found.length >= MAX_COMBINATIONS) return found;
    }
  }
  return found;
}

function combinationsExceed(n: number, k: number, limit: number): boolean {
  let combinations = 1;
  for (let i = 1; i <= k; i++) {
    combinations = (combinations * (n - k + i)) / i;
    if (combinations > limit) return true;
  }
  return false;
}

function* choose<T>(items: readonly T[], count: number, from = 0): Generator<T[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= items.length - count; i++) {
    for (const rest of choose(items, count - 1, i + 1)) yield [items[i]!, ...rest];
  }
}

function* products(parts: readonly PrincipalSet[][], from = 0): Generator<Principal[]> {
  if (from === parts.length) {
    yield [];
    return;
  }
  for (const set of parts[from]!) {
    for (const rest of products(parts, from + 1)) yield [...set, ...rest];
  }
}

/**
 * Sets that satisfy all of several policies, each given by its satisfying sets.
 * @throws PlanError when there is no policy at all
 */
export function mergeAll(policies: readonly PrincipalSet[][]): PrincipalSet[] {
  const [first, ...rest] = policies;
  if (first === undefined) throw new PlanError("POLICY", "no principal sets remained after filtering");
  const limit = Math.max(FEWEST_MERGED, Math.floor(MAX_MERGED / Math.sqrt(rest.length)));
  return rest.reduce((merged, next, index) => {
    const isLast = index === rest.length - 1;
    return merge(spread(merged, limit), spread(next, limit), isLast ? MAX_COMBINATIONS : limit);
  }, first);
}

/** At most so many of the items, evenly spread. */
export function spread<T>(items: readonly T[], limit: number): T[] {
  if (items.length <= limit) return [...items];
  return Array.from({ length: limit }, (_, index) => items[Math.floor((index * items.length) / limit)]!);
}

/**
 * Where a set of one side is implied by a set of the other, the stronger one serves both; what is left over is
 * combined pair by pair.
 */
function merge(left: readonly PrincipalSet[], right: readonly PrincipalSet[], wanted: number): PrincipalSet[] {
  const leftCovered = coveredBy(left, right);
  const remainingLeft = left.filter((_, index) => !leftCovered.has(index));
  const rightCovered = coveredBy(right, remainingLeft);
  const merged = [...unions(leftCovered, left, right), ...unions(rightCovered, right, remainingLeft)];

  const coveringLeft = new Set([...rightCovered.values()].flat());
  const coveringRight = new Set([...leftCovered.values()].flat());
  const freeLeft = remainingLeft.filter((_, index) => !coveringLeft.has(index));
  const freeRight = right.filter((_, index) => !rightCovered.has(index) && !coveringRight.has(index));
  const together = (freeLeft[0]?.length ?? 0) + (freeRight[0]?.length ?? 0);
  const pairs = freeLeft.length * freeRight.length;
  const most = Math.min(pairs, wanted, Math.ceil(MAX_WRITTEN / Math.max(together, 1)));
  for (let pair = 0; pair < most; pair++) {
    const position = Math.floor((pair * pairs) / most);
    merged.push(union(freeLeft[Math.floor(position / freeRight.length)]!, freeRight[position % freeRight.length]!));
  }
  return reduce(spread(merged, MAX_COMBINATIONS));
}

/** Index of a set → indices of the sets on the other side that imply each of its principals. */
function coveredBy(sets: readonly PrincipalSet[], others: readonly PrincipalSet[]): Map<number, number[]> {
  const covered = new Map<number, number[]>();
  const given = others.map(byOrganization);
  sets.forEach((set, index) => {
    const by = given.flatMap((byMsp, position) => {
      const isCovered = set.every((wanted) => byMsp.get(wanted.mspId)?.some((each) => implies(each, wanted)) ?? false);
      return isCovered ? [position] : [];
    });
    if (by.length > 0) covered.set(index, by);
  });
  return covered;
}

function byOrganization(set: PrincipalSet): Map<string, Principal[]> {
  const found = new Map<string, Principal[]>();
  for (const principal of set) {
    const known = found.get(principal.mspId);
    if (known === undefined) found.set(principal.mspId, [principal]);
    else known.push(principal);
  }
  return found;
}

function unions(
  covered: Map<number, number[]>,
  sets: readonly PrincipalSet[],
  others: readonly PrincipalSet[],
): PrincipalSet[] {
  const result: PrincipalSet[] = [];
  for (const [index, positions] of covered) {
    for (const position of positions) result.push(union(sets[index]!, others[position]!));
  }
  return result;
}

/**
 * The second set, and of the first what no principal of the second stands for; each stands for one only. Where the
 * first asks for more (a peer rather than any member), its principal takes the place of the weaker one. Fabric lists
 * both there, which asks two signatures of an organisation that needs one.
 */
function union(contained: PrincipalSet, containing: PrincipalSet): PrincipalSet {
  const result = [...containing];
  const used = new Set<number>();
  const take = (wanted: Principal, fits: (given: Principal) => boolean) => {
    const position = containing.findIndex((given, index) => !used.has(index) && fits(given));
    if (position === -1) return false;
    used.add(position);
    if (!implies(containing[position]!, wanted)) result[position] = wanted;
    return true;
  };
  const open = contained.filter((wanted) => !take(wanted, (given) => implies(given, wanted)));
  return [...result, ...open.filter((wanted) => !take(wanted, (given) => implies(wanted, given)))];
}

/** Without the sets that hold another one; of equal ones the first stays. */
function reduce(sets: PrincipalSet[]): PrincipalSet[] {
  if (sets.length > MAX_REDUCED) return sets;
  let current = sets;
  for (;;) {
    const reduced = reduceOnce(current);
    if (reduced.length === current.length) return reduced;
    current = reduced;
  }
}

function reduceOnce(sets: readonly PrincipalSet[]): PrincipalSet[] {
  const counts = sets.map((set) => {
    const count = new Map<string, number>();
    for (const { key } of set) count.set(key, (count.get(key) ?? 0) + 1);
    return count;
  });
  // Two of an organisation are more than one: Fabric takes them for the same, and may keep the set that asks for more.
  const isSubset = (a: number, b: number) => {
    for (const [key, count] of counts[a]!) if ((counts[b]!.get(key) ?? 0) < count) return false;
    return true;
  };
  return sets.filter((_, i) => {
    let redundant = false;
    for (let j = 0; j < sets.length; j++) {
      if (i === j) continue;
      if (isSubset(j, i)) redundant = true;
      if (i < j && isSubset(i, j)) redundant = false;
    }
    return !redundant;
  });
}
