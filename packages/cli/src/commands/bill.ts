import { AS_ACCOUNT, Session } from "../api/session.js";
import type { Bill } from "../api/shapes.js";
import type { Command } from "../command.js";
import { table } from "../output.js";

export const bill: Command = {
  name: "bill",
  summary: "what Amazon Managed Blockchain would charge for the same",
  usage: "",
  options: {
    as: AS_ACCOUNT,
    from: { type: "string", value: "time", about: "from when, e.g. 2026-01-01T00:00:00Z; the beginning unless given" },
    to: { type: "string", value: "time", about: "until when; now unless given" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["hansa bill", "hansa bill --as account1 --from 2026-11-01T00:00:00Z"],
  async run(call) {
    const session = await Session.open(call);
    const wanted = call.options.text("as");
    const accounts = wanted === undefined ? session.accounts : [session.account(wanted)];
    const network = call.options.text("network") === undefined ? undefined : (await session.network(call)).network.Id;
    const query = { network, from: call.options.text("from"), to: call.options.text("to") };
    const bills: Bill[] = [];
    for (const { client } of accounts) {
      const found = await client.call<Bill>({ method: "GET", path: "/hansa/bill", query }).catch((error: Error) => {
        // An account that has nothing to do with the network owes nothing for it.
        if ((error as { code?: string }).code === "ResourceNotFoundException") return undefined;
        throw error;
      });
      if (found !== undefined && found.Networks.length > 0) bills.push(found);
    }
    const rows = bills.flatMap(({ AccountId, Networks }) =>
      Networks.flatMap(({ Name, Members }) =>
        Members.flatMap((member) =>
          member.Lines.map(({ Item, InstanceType, Quantity, Unit, Price, Amount }) => [
            AccountId,
            Name,
            member.Name,
            InstanceType === null ? Item : `${Item} ${InstanceType}`,
            Quantity.toFixed(Unit === "GB" ? 6 : 4),
            Unit,
            Price === null ? "no price" : String(Price),
            Amount.toFixed(4),
          ]),
        ),
      ),
    );
    const total = bills.reduce((sum, each) => sum + each.Total, 0);
    const prices = bills[0]?.Prices;
    const source =
      prices === undefined ? "" : `Prices of ${prices.Region} as known on ${prices.Date}. Hansa charges nothing.\n`;
    const missing = bills[0]?.NotMetered ?? [];
    return {
      data: { Bills: bills, Total: total },
      text:
        rows.length === 0
          ? "There is nothing to pay for.\n"
          : `${table([["account", "network", "member", "item", "quantity", "unit", "USD", "amount"], ...rows])}\nTotal ${total.toFixed(2)} USD. ${source}${missing.length === 0 ? "" : `Not metered: ${missing.join(", ")}.\n`}`,
    };
  },
};
