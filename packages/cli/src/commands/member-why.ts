import { Session } from "../api/session.js";
import type { Command } from "../command.js";
import { table } from "../output.js";

type Explained = {
  readonly Explanation: string;
  readonly History: readonly { readonly Date: string; readonly Text: string }[];
};

export const memberWhy: Command = {
  name: "member why",
  summary: "why somebody is a member, or is none any more",
  usage: "<member>",
  positionals: { min: 1, max: 1 },
  examples: ["hansa member why Roaster"],
  async run(call) {
    const session = await Session.open(call);
    const scope = await session.network(call);
    const memberId = await session.memberId(scope, call.options.positionals[0]!, { gone: true });
    const path = `/hansa${scope.path}/members/${memberId}`;
    const found = await scope.account.client.call<Explained>({ method: "GET", path });
    const rows = found.History.map(({ Date: at, Text }) => [at.slice(0, 19), Text]);
    return { data: found, text: `${found.Explanation}\n\n${table(rows)}` };
  },
};
