import { randomBytes } from "node:crypto";
import type { NetworkConfig } from "../config/network-config.js";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ID_BYTES = 16;

/** Ids as Amazon Managed Blockchain gives them: a prefix and 16 random bytes in base32, unpadded. */
export function drawId(prefix: "n" | "m" | "nd"): string {
  let bits = 0n;
  for (const byte of randomBytes(ID_BYTES)) bits = (bits << 8n) | BigInt(byte);
  bits <<= 2n;
  let text = "";
  for (let at = 0; at < 26; at++, bits >>= 5n) text = BASE32[Number(bits & 31n)] + text;
  return `${prefix}-${text}`;
}

/** Gives ids to the network, its members and its peers where they have none yet. */
export function withIds(config: NetworkConfig): NetworkConfig {
  return {
    ...config,
    networkId: config.networkId ?? drawId("n"),
    members: config.members.map((member) => ({
      ...member,
      memberId: member.memberId ?? drawId("m"),
      peers: member.peers.map((peer) => ({ ...peer, nodeId: peer.nodeId ?? drawId("nd") })),
    })),
  };
}
