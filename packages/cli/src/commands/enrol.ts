import { HansaError } from "@hansa/primitives";
import type { Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";

export const enrol: Command = {
  name: "enrol",
  summary: "give a member one more user, with attributes that contracts see",
  usage: "<member> <user> [attribute=value…]",
  options: { admin: { type: "boolean", about: "an administrator of the member rather than a client" } },
  positionals: { min: 2, max: 66 },
  examples: [
    "hansa enrol Carrier Anna office=harbour",
    "hansa invoke shipment RecordPickup B-1 --as Carrier --user Anna",
  ],
  async run(call) {
    const view = await locateNetwork(call);
    await runningSupervisor(view);
    const [memberName, user, ...pairs] = call.options.positionals as [string, string, ...string[]];
    const member = view.member(memberName);
    const attributes = Object.fromEntries(pairs.map(attributeOf));
    const type = call.options.flag("admin") ? "admin" : "client";
    await member.enrol({ name: user, type, attributes });
    const data = { member: member.name, user, type, attributes, mspFolder: member.mspFolder(user) };
    return { data, text: `${member.name} has the user ${user}, whose MSP folder is ${data.mspFolder}\n` };
  },
};

function attributeOf(pair: string): [string, string] {
  const at = pair.indexOf("=");
  if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
  throw new HansaError("USAGE", `"${pair}" is no attribute.`, { nextStep: "Write attributes as name=value." });
}
