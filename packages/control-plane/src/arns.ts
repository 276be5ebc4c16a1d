/** Resource names, and the host names the managed service gives to endpoints. */
import type { OperatedNode } from "./operator.js";

export type ResourceKind = "networks" | "members" | "nodes" | "proposals" | "invitations" | "accessors";

export type Resource = { readonly kind: ResourceKind; readonly id: string; readonly accountId: string };

/** Networks and proposals belong to no account. */
export function arn(region: string, kind: ResourceKind, id: string, accountId = ""): string {
  const owner = kind === "networks" || kind === "proposals" ? "" : accountId;
  return `arn:aws:managedblockchain:${region}:${owner}:${kind}/${id}`;
}

/** Undefined when it names nothing that this endpoint could have. */
export function readArn(text: string, region: string): Resource | undefined {
  const match =
    /^arn:aws:managedblockchain:([a-z0-9-]+):([0-9]{12}|):(networks|members|nodes|proposals|invitations|accessors)\/([^/]{1,32})$/.exec(
      text,
    );
  if (match === null || match[1] !== region) return undefined;
  const [, , accountId = "", kind, id = ""] = match;
  const ownerless = kind === "networks" || kind === "proposals";
  return ownerless === (accountId === "") ? { kind: kind as ResourceKind, id, accountId } : undefined;
}

const DOMAIN = "amazonaws.com";

export function vpcServiceName(region: string, networkId: string): string {
  return `com.amazonaws.${region}.managedblockchain.${networkId.toLowerCase()}`;
}

/** host:port. The port is the real one in both styles, so that a hosts file is all that the service's names need. */
export function endpoint(node: OperatedNode, networkId: string, region: string, style: "loopback" | "aws"): string {
  if (style === "loopback") return node.address;
  const member = node.memberId === undefined ? [] : [node.memberId];
  const first = node.kind === "peer" ? node.nodeId : node.kind;
  const labels = [first, ...member, networkId, "managedblockchain", region].join(".").toLowerCase();
  return `${labels}.${DOMAIN}${node.address.slice(node.address.lastIndexOf(":"))}`;
}
