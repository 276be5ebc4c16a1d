import type { NetworkView } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";

/** The channel asked for, or the only one. @throws HansaError UNKNOWN_CHANNEL, USAGE */
export function theChannel(call: Call, view: NetworkView): string {
  const wanted = call.options.text("channel");
  if (wanted !== undefined) return view.channel(wanted).name;
  const names = view.config.channels.map((channel) => channel.name);
  if (names.length === 1) return names[0]!;
  if (names.length === 0)
    throw new HansaError("UNKNOWN_CHANNEL", `Network ${view.name} has no channel.`, {
      nextStep: "Add one to the network file.",
    });
  throw new HansaError("USAGE", `Network ${view.name} has several channels.`, {
    nextStep: `Choose one with --channel: ${names.join(", ")}.`,
  });
}
