/**
 * One more error detail, in which this gateway says why endorsing failed. Status and message stay those that
 * applications match on, and so do the details of the endorsers before it.
 *
 * It is a gateway.ErrorDetail as all others: client libraries read every detail as one.
 */
import { mismatchOf, mismatchText } from "@hansa/endorsement/explain";
import type { Mismatched } from "./collection.js";
import type { ErrorDetail } from "./failure.js";
import type { GatewayHost } from "./host.js";
import type { Proposal } from "./proposal.js";

/** How the message of such a detail begins. */
export const EXPLANATION = "Explanation: ";

/** What the failures of endorsers are about, where it can be told; the first of them that can. */
export async function explainedFailures(
  host: GatewayHost,
  { channelId, chaincode }: Pick<Proposal, "channelId" | "chaincode">,
  failures: readonly ErrorDetail[],
): Promise<ErrorDetail[]> {
  for (const failure of failures) {
    // An explanation that fails must not take the failure's place.
    const text = await host.explainFailure?.(channelId, chaincode, failure).catch(() => undefined);
    if (text !== undefined) return [...failures, detailOf(host, text)];
  }
  return [...failures];
}

/** How the results of two endorsers differ; empty when that cannot be told. */
export function explainedMismatch(host: GatewayHost, mismatched: Mismatched | undefined): ErrorDetail[] {
  if (mismatched === undefined) return [];
  const { first, second } = mismatched;
  const mismatch = mismatchOf(first, second);
  return mismatch === undefined ? [] : [detailOf(host, mismatchText(first, second, mismatch))];
}

function detailOf({ address, mspId }: GatewayHost, text: string): ErrorDetail {
  return { address, mspId, message: `${EXPLANATION}${text}` };
}
