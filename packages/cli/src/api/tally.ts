/** Votes drawn for a person. */
import type { ThresholdPolicy } from "./shapes.js";

const WIDTH = 14;

/** One bar: what was cast, of all, and how many are needed where that is asked. */
export function bar(label: string, count: number, members: number, needed?: number): string {
  const width = Math.min(WIDTH, Math.max(1, members));
  const filled = members === 0 ? 0 : Math.round((count * width) / members);
  return `${label.padEnd(3)} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${count}/${members}${needed === undefined ? "" : ` need ${needed}`}`;
}

export function policyInWords({
  ThresholdPercentage,
  ThresholdComparator,
  ProposalDurationInHours,
}: ThresholdPolicy): string {
  const sign = ThresholdComparator === "GREATER_THAN" ? "more than" : "at least";
  return `${sign} ${ThresholdPercentage} % of all members within ${ProposalDurationInHours} h`;
}
