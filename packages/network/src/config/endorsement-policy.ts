import { MspError, parsePolicy } from "@hansa/msp";
import { didYouMean } from "./suggest.js";

/** What an endorsement policy should have been, or undefined when it is fine. */
export function policyProblem(policy: string, mspIds: readonly string[]): string | undefined {
  if (["majority", "all", "any"].includes(policy)) return undefined;
  const form = "majority, all, any, or a policy such as OutOf(2, 'BreweryMSP.peer', 'PubMSP.peer')";
  try {
    parsePolicy(policy);
  } catch (error) {
    if (!(error instanceof MspError)) throw error;
    return `${form}.${didYouMean(policy, ["majority", "all", "any"])}`;
  }
  for (const [, mspId] of policy.matchAll(/['"]([A-Za-z0-9.-]+)\.(?:peer|member|admin|client|orderer)['"]/g))
    if (!mspIds.includes(mspId!))
      return `MSP ids of the channel's members: ${mspIds.join(", ")}.${didYouMean(mspId!, mspIds)}`;
  return undefined;
}
