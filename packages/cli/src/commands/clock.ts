import { HansaError } from "@hansa/primitives";
import { Session } from "../api/session.js";
import type { NetworkDetails } from "../api/shapes.js";
import type { Command } from "../command.js";

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

export const clockShow: Command = {
  name: "clock show",
  summary: "the network's own time",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa clock show"],
  async run(call) {
    const session = await Session.open(call);
    const { account, path } = await session.network(call);
    const { Now, SimulatedClock } = await account.client.call<NetworkDetails>({ method: "GET", path: `/hansa${path}` });
    const kind = SimulatedClock ? "it can be moved with: hansa clock advance" : "it follows this machine's clock";
    return { data: { Now, SimulatedClock }, text: `${Now}; ${kind}.\n` };
  },
};

export const clockAdvance: Command = {
  name: "clock advance",
  summary: "move the network's time forward: proposals expire, billing goes on",
  usage: "<duration>",
  details: "Only where the network was made with a simulated clock; the move is an act on the governance strand.",
  positionals: { min: 1, max: 1 },
  examples: ["hansa clock advance 3d", "hansa clock advance 90m"],
  async run(call) {
    const ms = durationOf(call.options.positionals[0]!);
    const session = await Session.open(call);
    // Only a member moves the clock; an account that is invited, or was a member once, may come first.
    const [own] = await session.ownMembers(call);
    const { account, path } = own ?? (await session.network(call));
    const { client } = account;
    const { Now: before } = await client.call<NetworkDetails>({ method: "GET", path: `/hansa${path}` });
    const To = new Date(Date.parse(before) + ms).toISOString();
    const { Now } = await client.call<{ Now: string }>({ method: "POST", path: `/hansa${path}/clock`, body: { To } });
    return { data: { Before: before, Now }, text: `The network's time is now ${Now}.\n` };
  },
};

/** @throws HansaError USAGE */
export function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d{1,6})([smhdw])/g)];
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS], 0);
  if (parts.map(([part]) => part).join("") === text && ms > 0) return ms;
  throw new HansaError("USAGE", `The duration is "${text}"; expected for instance 3d, 12h, 90m or 1d12h.`);
}
