import { HansaError } from "@hansa/primitives";
import { typedId } from "../api/ids.js";
import { AS_MEMBER, Session } from "../api/session.js";
import type { Command } from "../command.js";
import { proposalInWords, readProposal } from "./proposal-words.js";

export const vote: Command = {
  name: "vote",
  summary: "vote on a proposal, once and for all",
  usage: "<proposal> yes|no",
  options: { as: AS_MEMBER },
  positionals: { min: 2, max: 2 },
  examples: ["hansa vote p-ABC… yes --as Farm"],
  async run(call) {
    const [proposalId, said] = call.options.positionals as [string, string];
    const Vote = said.toUpperCase();
    if (Vote !== "YES" && Vote !== "NO") throw new HansaError("USAGE", `A vote is yes or no, not "${said}".`);
    const id = typedId(proposalId, "p-ABC…");
    const session = await Session.open(call);
    const scope = await session.member(call, call.options.text("as"));
    await scope.account.client.call({
      method: "POST",
      path: `${scope.path}/proposals/${id}/votes`,
      body: { VoterMemberId: scope.member.Id, Vote },
    });
    const shown = await readProposal(scope, id);
    return { data: shown, text: `${scope.member.Name} votes ${Vote}.\n\n${proposalInWords(shown, call.paint)}` };
  },
};
