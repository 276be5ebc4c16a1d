import type { Command } from "../command.js";
import { locateNetwork } from "../locate.js";
import { shellWord } from "../output.js";

export const env: Command = {
  name: "env",
  summary: "variables for Fabric's peer command, as one member",
  usage: "<member>",
  options: { user: { type: "string", short: "u", value: "name", about: "the member's user; Admin unless given" } },
  positionals: { min: 1, max: 1 },
  examples: ['eval "$(hansa env Brewery)"', "hansa env Pub --user User1"],
  async run(call) {
    const view = await locateNetwork(call);
    const data = view
      .member(call.options.positionals[0]!)
      .env(call.options.text("user"), await view.servingOrdererId());
    const text = Object.entries(data).map(([name, value]) => `export ${name}=${shellWord(value)}\n`);
    return { data, text: text.join("") };
  },
};
