/** A further peer of ours for a member of a running network, in this process, that has joined no channel yet. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { mspConfigFromFiles } from "@hansa/msp";
import type { Member } from "@hansa/network";
import { type PeerConfig, type RunningPeer, startPeer } from "@hansa/peer";
import { silentLogger } from "@hansa/primitives";

/** Starts it under the identity of the member's first peer. */
export async function startSparePeer(
  member: Member,
  dataDirectory: string,
  options: Partial<Pick<PeerConfig, "stores" | "membership">> = {},
): Promise<RunningPeer> {
  const identity = path.resolve(member.mspFolder("Admin"), "../../../peers", member.peers[0]!.host);
  const organization = path.resolve(member.mspFolder("Admin"), "../../../msp");
  const only = (folder: string) => {
    const [name] = readdirSync(path.join(identity, folder));
    return readFileSync(path.join(identity, folder, name!), "utf8");
  };
  const files = readdirSync(organization, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => path.join(each.parentPath, each.name))
    .map((file) => [path.relative(organization, file), readFileSync(file, "utf8")] as const);
  return startPeer({
    name: "spare",
    identity: { mspId: member.mspId, certPem: only("msp/signcerts"), keyPem: only("msp/keystore") },
    localMsp: mspConfigFromFiles(new Map(files), member.mspId),
    listenAddress: "127.0.0.1:0",
    tls: {
      certPem: readFileSync(path.join(identity, "tls/server.crt"), "utf8"),
      keyPem: readFileSync(path.join(identity, "tls/server.key"), "utf8"),
    },
    dataDirectory,
    ...options,
    logger: silentLogger,
  });
}
