/** What members used, by the second, and what the managed service would charge for it. Pure: times and sizes in, lines out. */
import type { Edition } from "../quotas.js";
import type { Confidence, PriceList } from "./prices.js";
import type { WrittenRow } from "./written.js";

/** Unix milliseconds; the end is not part of it. */
export type Period = { readonly from: number; readonly to: number };

export type MeteredNode = {
  readonly nodeId: string;
  readonly instanceType: string;
  readonly from: number;
  /** Undefined while it is there. */
  readonly to: number | undefined;
  /** Bytes on disk from a time on, oldest first. */
  readonly storage: readonly (readonly [at: number, bytes: number])[];
};

export type MeteredMember = {
  readonly memberId: string;
  readonly edition: Edition;
  readonly from: number;
  readonly to: number | undefined;
  readonly nodes: readonly MeteredNode[];
  /** Its envelopes on all channels. */
  readonly written: WrittenRow;
};

export type BillLine = {
  readonly item: "membership" | "node" | "storage" | "data-written";
  /** Edition, node id, or member id. */
  readonly of: string;
  readonly instanceType?: string;
  readonly quantity: number;
  readonly unit: "hours" | "GB-months" | "GB";
  /** USD per unit; undefined when the list has none. */
  readonly price: number | undefined;
  readonly confidence: Confidence | undefined;
  /** USD. */
  readonly amount: number;
};

const HOUR_S = 3_600;
const MONTH_MS = 730 * HOUR_S * 1000;
const GB = 2 ** 30;

/**
 * What one member pays for in a period: its membership, then node and storage of each of its nodes, then the
 * data that it wrote. No line of nothing.
 */
export function billLines(member: MeteredMember, period: Period, prices: PriceList): BillLine[] {
  const membership = prices.membership[member.edition];
  const lines: BillLine[] = [
    {
      item: "membership",
      of: member.edition,
      unit: "hours",
      ...charge(seconds(member, period) / HOUR_S, membership),
    },
  ];
  for (const node of member.nodes) {
    // A node goes with its member, whether or not anybody deleted it.
    const life = { from: node.from, to: earlier(node.to, member.to) };
    const { instanceType } = node;
    const hours = seconds(life, period) / HOUR_S;
    lines.push({
      item: "node",
      of: node.nodeId,
      instanceType,
      unit: "hours",
      ...charge(hours, prices.node[instanceType]),
    });
    const stored = gbMonths(node.storage, life, period);
    lines.push({ item: "storage", of: node.nodeId, unit: "GB-months", ...charge(stored, prices.storage) });
  }
  // Whoever left may have had something under way that was ordered a moment later: it is written all the same.
  const written = member.written.reduce((sum, [at, bytes]) => sum + (isIn(at, period) ? bytes : 0), 0);
  lines.push({ item: "data-written", of: member.memberId, unit: "GB", ...charge(written / GB, prices.written) });
  return lines.filter(({ quantity }) => quantity > 0);
}

/** USD. */
export function total(lines: readonly BillLine[]): number {
  return lines.reduce((sum, { amount }) => sum + amount, 0);
}

type Life = { readonly from: number; readonly to: number | undefined };

/** Begun seconds count, as the service bills by the second. */
function seconds(life: Life, period: Period): number {
  const { from, to } = within(life, period);
  return Math.ceil((to - from) / 1000);
}

function gbMonths(samples: MeteredNode["storage"], life: Life, period: Period): number {
  const { from, to } = within(life, period);
  let byteMs = 0;
  samples.forEach(([at, bytes], index) => {
    const begin = Math.max(at, from);
    const end = Math.min(samples[index + 1]?.[0] ?? to, to);
    if (end > begin) byteMs += bytes * (end - begin);
  });
  return byteMs / GB / MONTH_MS;
}

function within(life: Life, period: Period): Period {
  const from = Math.max(life.from, period.from);
  return { from, to: Math.max(from, Math.min(life.to ?? period.to, period.to)) };
}

function isIn(at: number, { from, to }: Period): boolean {
  return from <= at && at < to;
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function charge(quantity: number, price: { readonly usd: number; readonly confidence: Confidence } | undefined) {
  return { quantity, price: price?.usd, confidence: price?.confidence, amount: quantity * (price?.usd ?? 0) };
}
