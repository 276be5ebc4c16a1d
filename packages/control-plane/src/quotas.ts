/** What an edition allows. Sources and how sure they are: docs/reference/managed-blockchain-api.md. */

export type Edition = "STARTER" | "STANDARD";

export const MEMBERS_PER_NETWORK: Readonly<Record<Edition, number>> = { STARTER: 5, STANDARD: 14 };
export const PEERS_PER_MEMBER: Readonly<Record<Edition, number>> = { STARTER: 2, STANDARD: 3 };
export const NETWORKS_PER_ACCOUNT = 6;
/** Ours: the service publishes none. */
export const ACCESSORS_PER_ACCOUNT = 100;

export const FRAMEWORK_VERSIONS = ["1.2", "1.4", "2.2", "2.5"] as const;

const T3 = ["bc.t3.small", "bc.t3.medium", "bc.t3.large", "bc.t3.xlarge"];
const SIZES = ["large", "xlarge", "2xlarge", "4xlarge"];
const INSTANCE_TYPES: Readonly<Record<Edition, readonly string[]>> = {
  STARTER: T3.slice(0, 2),
  STANDARD: [...T3, ...["bc.m5", "bc.c5"].flatMap((family) => SIZES.map((size) => `${family}.${size}`))],
};

/** With quotas off a STARTER network takes every known type. */
export function instanceTypes(edition: Edition, quotas: "on" | "off"): readonly string[] {
  return quotas === "on" ? INSTANCE_TYPES[edition] : INSTANCE_TYPES.STANDARD;
}
