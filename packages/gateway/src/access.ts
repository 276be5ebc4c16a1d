/** Who may ask. Source: hyperledger/fabric, core/aclmgmt and core/policy. */
import type { SignedData } from "@hansa/msp";
import { GrpcStatus } from "@hansa/transport";
import { failure } from "./failure.js";
import type { GatewayHost } from "./host.js";

/** @throws RpcStatus PERMISSION_DENIED with Fabric's text */
export function checkAccess(host: GatewayHost, channelId: string, resource: string, signed: SignedData): void {
  const verdict = host.channel(channelId)?.checkAcl(resource, signed) ?? {
    ok: false,
    reason:
      channelId === ""
        ? "Invalid channel ID name during check policy on signed data. Name must be different from nil."
        : `Failed to get policy manager for channel [${channelId}]`,
  };
  if (!verdict.ok) throw failure(GrpcStatus.PERMISSION_DENIED, verdict.reason);
}
