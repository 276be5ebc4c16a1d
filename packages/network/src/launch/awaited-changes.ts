import type { NetworkConfig } from "../config/network-config.js";
import type { Layout } from "../plan/layout.js";
import { continued, inOrder, readBefore } from "./changes.js";

/**
 * What a network file says that a network, which runs as it was started, would take up at its next start: one phrase
 * each, such as "channel beans".
 * @throws HansaError NETWORK_CHANGED when no start could follow the file, CORRUPT_STORE
 */
export async function awaitedChanges(file: NetworkConfig, layout: Layout): Promise<string[]> {
  const before = await readBefore(layout, file);
  const next = continued(file, before, layout);
  const { channels, contracts, members: _, ...settings } = next;
  return [
    ...differing(channels, before.config.channels, ({ name }) => `channel ${name}`),
    ...differing(contracts, before.config.contracts, ({ name, channel }) => `contract ${name} on ${channel}`),
    ...(inOrder(portsOf(next)) === inOrder(portsOf(before.config)) ? [] : ["ports"]),
    ...Object.entries(settings)
      .filter(([name, value]) => inOrder(value) !== inOrder(before.config[name as keyof NetworkConfig]))
      .map(([name]) => name),
  ];
}

function differing<T>(now: readonly T[], before: readonly T[], nameOf: (each: T) => string): string[] {
  const known = new Map(before.map((each) => [nameOf(each), inOrder(each)]));
  return now.filter((each) => known.get(nameOf(each)) !== inOrder(each)).map(nameOf);
}

function portsOf({ members }: NetworkConfig) {
  return members.map(({ caPort, peers }) => [caPort, ...peers.map(({ port }) => port)]);
}
