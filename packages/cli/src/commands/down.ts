import { rm } from "node:fs/promises";
import path from "node:path";
import { askStop, findSupervisor } from "@hansa/network";
import type { Command } from "../command.js";
import { locateLayout } from "../locate.js";
import { asTyped } from "../output.js";

export const down: Command = {
  name: "down",
  summary: "stop a network; its data stays unless it is wiped",
  usage: "",
  options: { wipe: { type: "boolean", about: "also delete its data, identities and logs" } },
  positionals: { min: 0, max: 0 },
  examples: ["hansa down", "hansa down --wipe"],
  async run(call) {
    const layout = await locateLayout(call);
    const name = path.basename(layout.root);
    const supervisor = await findSupervisor(layout);
    const wipe = call.options.flag("wipe");
    if (supervisor !== undefined) {
      call.progress(`stopping ${name}`);
      await askStop(supervisor);
    }
    if (wipe) await rm(layout.root, { recursive: true, force: true });
    const wasRunning = supervisor !== undefined;
    const fact = wasRunning ? `Network ${name} is stopped` : `Network ${name} was not running`;
    const rest = wipe
      ? "; its data is gone.\n"
      : `; its data is kept in ${layout.root}.\nStart it again with: hansa up --network ${name}\n`;
    return { data: { network: name, wasRunning, wiped: wipe }, text: asTyped(`${fact}${rest}`, call.io.env) };
  },
};
