/** A change of a configuration as commands tell it, and what they refuse. */
import type { ConfigDraft, Missing } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";

export function dataOf({ changes, needs, findings, current }: ConfigDraft) {
  return {
    sequence: Number(current.sequence),
    changes,
    needs: needs.map(({ policyPath, elements, rule }) => ({ policy: policyPath, guards: elements, rule })),
    findings,
  };
}

export const missingData = (missing: readonly Missing[]) =>
  missing.map(({ need, missing }) => ({ policy: need.policyPath, rule: need.rule, couldSign: missing }));

export function changesText({ changes }: ConfigDraft): string {
  return changes.map((change) => `${change}\n`).join("");
}

export function needsText({ needs }: ConfigDraft): string {
  return needs.map((need) => `${ruleOf(need)}\n`).join("");
}

export function ruleOf({ policyPath, outOf, rule }: ConfigDraft["needs"][number]): string {
  if (outOf !== undefined) {
    const all = outOf.needed === outOf.principals.length ? "of" : `by ${outOf.needed} of`;
    return `needs signatures ${all} ${outOf.principals.join(", ")} (${policyPath})`;
  }
  return rule === undefined ? `needs ${policyPath}` : `needs ${rule} (${policyPath})`;
}

export function findingsText({ findings }: ConfigDraft): string {
  const lead = { refused: "refused", locks: "locks out", warns: "warning" } as const;
  return findings.map(({ severity, message, nextStep }) => `${lead[severity]}: ${message} ${nextStep}\n`).join("");
}

export function signedText(signers: readonly { readonly name: string }[]): string {
  return signers.length === 0 ? "" : `signed by ${signers.map(({ name }) => name).join(", ")}\n`;
}

export function missingText(missing: readonly Missing[]): string {
  return missing.map((each) => `missing: ${lackOf(each)}\n`).join("");
}

export function lackOf({ need, missing }: Missing): string {
  const could = missing.length === 0 ? "others" : missing.join(", ");
  const count = need.outOf === undefined ? "" : ` ${need.outOf.needed} of ${need.outOf.principals.length} must sign;`;
  return `${need.policyPath} is not satisfied:${count} not yet signed: ${could}`;
}

export function signaturesMissing(missing: readonly Missing[]): HansaError {
  return new HansaError("SIGNATURES_MISSING", `${missing.map(lackOf).join(". ")}.`, {
    nextStep: "Name more signers with --sign-by, or write the update with --output and have it signed elsewhere.",
  });
}

export function refuseLockOut(call: Call, { findings }: ConfigDraft): void {
  const grave = findings.filter(({ severity }) => severity !== "warns");
  if (grave.length === 0 || call.options.flag("force")) return;
  throw new HansaError("LOCK_OUT", grave.map(({ message }) => message).join(" "), {
    nextStep: `${grave[0]!.nextStep} To do it all the same: --force.`,
  });
}
