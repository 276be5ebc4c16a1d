import { askChannels, askCreateChannel, NetworkView } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { table } from "../output.js";

/** As Fabric has it. Source: hyperledger/fabric, common/configtx/validator.go (channel ids). */
const CHANNEL_NAME = /^[a-z][a-z0-9.-]{0,248}$/;

export const channelList: Command = {
  name: "channel list",
  summary: "the channels that the orderer has, and who is on them",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa channel list"],
  async run(call) {
    const view = await locateNetwork(call);
    const channels = await askChannels(await runningSupervisor(view));
    const names = new Map(view.config.members.map(({ mspId, name }) => [mspId, name]));
    const data = channels.map(({ name, mspIds }) => ({
      channel: name,
      members: mspIds.map((mspId) => ({ mspId, name: names.get(mspId) })),
    }));
    const rows = data.map(({ channel, members }) => [
      channel,
      members.map(({ mspId, name }) => name ?? mspId).join(", "),
    ]);
    return {
      data,
      text: rows.length === 0 ? "There is no channel.\n" : table([["channel", "members"], ...rows]),
    };
  },
};

export const channelCreate: Command = {
  name: "channel create",
  summary: "make a channel and have its members' peers join it",
  usage: "<name>",
  options: {
    members: { type: "string", value: "names", about: "with commas between them; all members unless given" },
    endorsement: {
      type: "string",
      value: "rule",
      about: "majority or any: who endorses unless a contract says otherwise",
    },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa channel create deliveries", "hansa channel create beans --members Farm,Roaster"],
  async run(call) {
    const view = await locateNetwork(call);
    const name = call.options.positionals[0]!;
    if (!CHANNEL_NAME.test(name))
      throw new HansaError("USAGE", `"${name}" is no name for a channel.`, {
        nextStep: "Use lower-case letters, digits, dots and hyphens, at most 249, and begin with a letter.",
      });
    const endorsement = call.options.text("endorsement");
    if (endorsement !== undefined && endorsement !== "majority" && endorsement !== "any")
      throw new HansaError("USAGE", `--endorsement is "${endorsement}"; expected majority or any.`);
    const wanted = call.options
      .text("members")
      ?.split(",")
      .map((member) => member.trim());
    const members = (wanted ?? view.members.map((member) => member.name)).map((member) => view.member(member).name);
    const existed = view.config.channels.some((channel) => channel.name === name);
    const startedAt = performance.now();
    await askCreateChannel(await runningSupervisor(view), { name, members, ...(endorsement && { endorsement }) });
    const ms = Math.round(performance.now() - startedAt);
    const after = await NetworkView.open(view.layout);
    return {
      data: { channel: name, members, ms, network: after.name },
      text: existed
        ? `Channel ${name} is there already; the peers of ${members.join(", ")} are on it.\n`
        : `Channel ${name} of ${members.join(", ")} is ready (${ms} ms).\n`,
    };
  },
};
