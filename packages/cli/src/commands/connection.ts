import type { Command } from "../command.js";
import { locateNetwork } from "../locate.js";

export const connection: Command = {
  name: "connection",
  summary: "a member's connection profile, for Fabric's SDKs",
  usage: "<member>",
  positionals: { min: 1, max: 1 },
  examples: ["hansa connection Brewery > brewery.json"],
  async run(call) {
    const view = await locateNetwork(call);
    const data = view.member(call.options.positionals[0]!).connectionProfile();
    return { data, text: `${JSON.stringify(data, undefined, 2)}\n` };
  },
};
