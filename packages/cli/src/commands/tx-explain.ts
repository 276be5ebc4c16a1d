import { explanationText } from "@hansa/network";
import type { Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { theChannel } from "./channel-option.js";

export const txExplain: Command = {
  name: "tx explain",
  summary: "why a transaction is valid or not, and what it did",
  usage: "<transaction-id>",
  details:
    "A peer reads it from its ledger: which key another transaction had changed, whose signature is missing, what was\n" +
    "read and written. Private keys are shown to members of their collection, private values to nobody.",
  options: {
    channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
    as: { type: "string", value: "member", about: "the member to ask as; the channel's first one unless given" },
    user: { type: "string", short: "u", value: "name", about: "the member's user; its administrator unless given" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa tx explain 6b1f…", "hansa tx explain 6b1f… --channel deliveries --as Pub --json"],
  async run(call) {
    const view = await locateNetwork(call);
    const channel = theChannel(call, view);
    const [member, user] = [call.options.text("as"), call.options.text("user")];
    await runningSupervisor(view);
    try {
      const as = { ...(member === undefined ? {} : { member }), ...(user === undefined ? {} : { user }) };
      const explanation = await view.explain(channel, call.options.positionals[0]!, as);
      return { data: explanation, text: explanationText(explanation) };
    } finally {
      view.closeConnections();
    }
  },
};
