/**
 * The members of a channel as clients verify them, and where its orderers are.
 * Source: hyperledger/fabric, discovery/support/config/support.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { discovery, msp } from "@hansa/wire";

export function configResult(config: ChannelConfig): discovery.IConfigResult {
  const msps: Record<string, msp.IFabricMSPConfig> = {};
  for (const mspId of config.mspIds()) {
    const found = config.mspConfig(mspId);
    if (found !== undefined) msps[mspId] = found;
  }
  const orderers: Record<string, discovery.IEndpoints> = {};
  for (const [mspId, addresses] of config.ordererAddressesByOrg()) {
    orderers[mspId] = { endpoint: addresses.flatMap(toEndpoint) };
  }
  return { msps, orderers };
}

/** None for an address without a usable port: clients are better off without it. */
function toEndpoint(address: string): discovery.IEndpoint[] {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(address.slice(colon + 1));
  return colon > 0 && Number.isInteger(port) && port > 0 && port < 65_536 ? [{ host, port }] : [];
}
