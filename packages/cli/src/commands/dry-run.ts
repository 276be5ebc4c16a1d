/** What would come of a proposal, without making it. */
import type { NetworkScope } from "../api/session.js";
import type { DryRun } from "../api/shapes.js";
import { policyInWords } from "../api/tally.js";
import type { Result } from "../command.js";
import { table } from "../output.js";
import { changesInWords } from "./proposal-words.js";

export async function dryRun({ account, path }: NetworkScope, proposal: object): Promise<Result> {
  const found = await account.client.call<DryRun>({ method: "POST", path: `/hansa${path}/dry-run`, body: proposal });
  const voters = found.Voters.map(({ Name, IsOwned }) => (IsOwned ? `${Name} (yours)` : Name));
  const passes =
    found.YesToPass === null
      ? "it can never pass"
      : `${found.YesToPass} more YES of ${found.VotesPossible} would pass it`;
  const lines = table([
    ["may vote", voters.join(", ")],
    ["passes with", policyInWords(found.VotingPolicy.ApprovalThresholdPolicy)],
    ["so", passes],
    ["now", found.Outcome],
  ]);
  const warnings = found.Warnings.map((warning) => `Mind: ${warning}\n`).join("");
  return {
    data: found,
    text: `Nothing was proposed; this is what would happen.\n\n${lines}${changesInWords(found.Channels)}${warnings}`,
  };
}
