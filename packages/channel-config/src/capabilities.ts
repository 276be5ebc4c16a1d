/**
 * Capabilities: names in the configuration that oblige every node to understand a rule. A node that meets one it
 * does not know must stop rather than guess.
 * Source: hyperledger/fabric, common/capabilities.
 */
import { ConfigError } from "./error.js";

export const KNOWN_CHANNEL_CAPABILITIES: ReadonlySet<string> = new Set([
  "V1_1",
  "V1_3",
  "V1_4_2",
  "V1_4_3",
  "V2_0",
  "V3_0",
]);
export const KNOWN_ORDERER_CAPABILITIES: ReadonlySet<string> = new Set(["V1_1", "V1_4_2", "V2_0"]);
export const KNOWN_APPLICATION_CAPABILITIES: ReadonlySet<string> = new Set([
  "V1_1",
  "V1_2",
  "V1_3",
  "V1_4_2",
  "V2_0",
  "V2_5",
  "V1_1_PVTDATA_EXPERIMENTAL",
  "V1_1_RESOURCETREE_EXPERIMENTAL",
]);

export type Capabilities = {
  readonly channel: ReadonlySet<string>;
  readonly orderer: ReadonlySet<string>;
  readonly application: ReadonlySet<string>;
};

/** Rules of the channel level that depend on a capability. */
export const channelRules = {
  orgSpecificOrdererEndpoints: (channel: ReadonlySet<string>) => hasAny(channel, "V1_4_2", "V1_4_3", "V2_0", "V3_0"),
  consensusTypeMigration: (channel: ReadonlySet<string>) => hasAny(channel, "V1_4_2", "V1_4_3", "V2_0", "V3_0"),
  perOrgEndpointsOnly: (channel: ReadonlySet<string>) => channel.has("V3_0"),
  ed25519: (channel: ReadonlySet<string>) => channel.has("V3_0"),
};

/** Rules of the application level that depend on a capability. */
export const applicationRules = {
  acls: (application: ReadonlySet<string>) => hasAny(application, "V1_2", "V1_3", "V1_4_2", "V2_0", "V2_5"),
  keyLevelEndorsement: (application: ReadonlySet<string>) => hasAny(application, "V1_3", "V1_4_2", "V2_0", "V2_5"),
  lifecycleV20: (application: ReadonlySet<string>) => hasAny(application, "V2_0", "V2_5"),
  purgePrivateData: (application: ReadonlySet<string>) => application.has("V2_5"),
};

/** @throws ConfigError UNSUPPORTED naming the first capability that is not known */
export function checkCapabilities(capabilities: Capabilities): void {
  checkKnown("Orderer", capabilities.orderer, KNOWN_ORDERER_CAPABILITIES);
  checkKnown("Channel", capabilities.channel, KNOWN_CHANNEL_CAPABILITIES);
  checkKnown("Application", capabilities.application, KNOWN_APPLICATION_CAPABILITIES);
}

function checkKnown(level: string, required: ReadonlySet<string>, known: ReadonlySet<string>): void {
  for (const name of required) {
    if (known.has(name)) continue;
    throw new ConfigError("UNSUPPORTED", `${level} capability ${name} is required but not supported`, {
      nextStep: `Known are ${[...known].join(", ")}.`,
    });
  }
}

function hasAny(set: ReadonlySet<string>, ...names: readonly string[]): boolean {
  return names.some((name) => set.has(name));
}
