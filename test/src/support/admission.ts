import { readFileSync } from "node:fs";
import path from "node:path";
import { changeMembership } from "@hansa/channel-config";
import { mspConfigFromFiles } from "@hansa/msp";
import type { NetworkView, NewMember } from "@hansa/network";
import { encode, msp } from "@hansa/wire";

/** A member such as the Managed Blockchain API makes: known by its id. */
export function newMember(name: string, id: string): NewMember {
  const memberId = `m-${id.repeat(26).slice(0, 26)}`;
  return {
    name,
    memberId,
    mspId: memberId,
    domain: `${memberId.toLowerCase()}.hansa`,
    account: "000000000009",
    users: ["User1"],
  };
}

/** What channels say of a member, by the folder that was made for it: bytes of msp.MSPConfig. */
export function mspConfigOf(view: NetworkView, { mspId, domain }: Pick<NewMember, "mspId" | "domain">): Uint8Array {
  const folder = path.join(view.layout.organization("peer", domain), "msp");
  const names = [`cacerts/ca.${domain}-cert.pem`, `tlscacerts/tlsca.${domain}-cert.pem`, "config.yaml"];
  const files = new Map(names.map((name) => [name, readFileSync(path.join(folder, name), "utf8")]));
  return encode(msp.MSPConfig, mspConfigFromFiles(files, mspId));
}

/** Has everybody on a channel sign that a member enters it. */
export async function admit(view: NetworkView, channel: string, member: NewMember): Promise<void> {
  const admits = [{ mspId: member.mspId, mspConfig: mspConfigOf(view, member) }];
  const { policy } = view.config.governance;
  await view.updateChannel(channel, (config) => changeMembership(config, { admits, removes: [], policy }));
}

/** Has everybody on a channel sign that a member leaves it. */
export async function dismiss(view: NetworkView, channel: string, { mspId }: NewMember): Promise<void> {
  const { policy } = view.config.governance;
  await view.updateChannel(channel, (config) => changeMembership(config, { admits: [], removes: [mspId], policy }));
}
