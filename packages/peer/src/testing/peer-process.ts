/** A peer in a process of its own, to be killed. Its config comes as JSON; it reports its height at each block. */
import { silentLogger } from "@hansa/primitives";
import type { PeerConfig } from "../config.js";
import { startPeer } from "../peer.js";

const { genesis, ...config } = JSON.parse(process.argv[2] ?? "{}") as Omit<PeerConfig, "logger"> & { genesis: string };
const localMsp = { type: 0, config: Buffer.from(String(config.localMsp.config), "base64") };
const peer = await startPeer({ ...config, localMsp, logger: silentLogger });
if (peer.channelIds().length === 0) await peer.join(Buffer.from(genesis, "base64"));
for (const channelId of peer.channelIds()) {
  console.log(peer.ledgerHeight(channelId));
  peer.onCommit(channelId, ({ number }) => console.log(number + 1));
}
