import { typedId } from "../api/ids.js";
import { AS_ACCOUNT, Session } from "../api/session.js";
import type { Invitation } from "../api/shapes.js";
import type { Command } from "../command.js";
import { table } from "../output.js";

export const invitationList: Command = {
  name: "invitation list",
  summary: "the invitations that your accounts have",
  usage: "",
  options: { as: AS_ACCOUNT },
  positionals: { min: 0, max: 0 },
  examples: ["hansa invitation list", "hansa invitation list --as account2"],
  async run(call) {
    const session = await Session.open(call);
    const wanted = call.options.text("as");
    const accounts = wanted === undefined ? session.accounts : [session.account(wanted)];
    const lists = await Promise.all(
      accounts.map(async (account) => {
        const invitations = await account.client.list<Invitation>("/invitations", "Invitations");
        return invitations.map((invitation) => ({ ...invitation, Account: account.name }));
      }),
    );
    const found = lists.flat();
    const rows = found.map(({ InvitationId, Status, NetworkSummary, ExpirationDate, Account }) => [
      InvitationId,
      Status,
      NetworkSummary.Name,
      ExpirationDate.slice(0, 19),
      Account,
    ]);
    return {
      data: found,
      text:
        rows.length === 0
          ? "There is no invitation.\n"
          : `${table([["id", "status", "network", "open until", "for"], ...rows])}Accept one with: hansa member join <id> <name> --as <account>\n`,
    };
  },
};

export const invitationReject: Command = {
  name: "invitation reject",
  summary: "refuse an invitation",
  usage: "<invitation>",
  options: { as: AS_ACCOUNT },
  positionals: { min: 1, max: 1 },
  examples: ["hansa invitation reject in-ABC… --as account2"],
  async run(call) {
    const session = await Session.open(call);
    const account = session.account(call.options.text("as"));
    const invitationId = typedId(call.options.positionals[0]!, "in-ABC…");
    await account.client.call({ method: "DELETE", path: `/invitations/${invitationId}` });
    return { data: { InvitationId: invitationId }, text: `Account ${account.name} refuses ${invitationId}.\n` };
  },
};
