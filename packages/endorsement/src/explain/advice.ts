/** The one sentence that says what happened, and the few that say what helps. */
import { TxValidationCode, txValidationCodeName } from "@hansa/wire";
import { wordsOf } from "./codes.js";
import type { Finding, PolicyShortfall, ReadConflict } from "./explanation.js";
import {
  capital,
  changeWords,
  definedBy,
  keyWords,
  missingWords,
  placeText,
  policyOwner,
  rangeWords,
  readWords,
} from "./words.js";

/** @param known with the transaction's findings, if it is invalid */
export function summaryOf({
  code,
  findings,
}: {
  readonly code: number;
  readonly findings: readonly Finding[];
}): string {
  if (code === TxValidationCode.VALID) return "It is valid: its writes are in the state.";
  const [finding] = findings;
  if (finding === undefined) return `${txValidationCodeName(code)}.`;
  switch (finding.kind) {
    case "read conflict":
      return `${capital(keyWords(finding))} ${readWords(finding.read)}; ${changeWords(finding)}.`;
    case "range conflict": {
      const { first } = finding;
      if (first === undefined) return `${capital(rangeWords(finding))} gives other results than when it was endorsed.`;
      const surely = finding.isCertain ? "" : ", probably";
      return `${capital(rangeWords(finding))} gives other results${surely} because of ${keyWords(first)}: ${changeWords(first)}.`;
    }
    case "policy":
      return policySummary(finding);
    case "fact":
      return finding.other === undefined ? finding.fact : `${finding.fact} It is in ${placeText(finding.other)}.`;
  }
}

function policySummary(finding: PolicyShortfall): string {
  switch (finding.of) {
    case "changed key": {
      const by = finding.changedBy === undefined ? "an earlier transaction" : placeText(finding.changedBy);
      return `${capital(policyOwner(finding))} is changed by ${by} of the same block, and the key cannot be written until the next one.`;
    }
    case "unreadable key":
      return `${capital(policyOwner(finding))} cannot be read, so that nobody can satisfy it.`;
    case "unknown collection":
      return `It writes to ${policyOwner(finding)}.`;
    default: {
      const missing = missingWords(finding.missing, finding.missingCut);
      const counted = finding.signers.filter(({ counts }) => counts).map(({ mspId, name }) => `${name} of ${mspId}`);
      const who = counted.length === 0 ? "no signature counts" : `${counted.join(", ")} signed`;
      return `${capital(policyOwner(finding))} is not satisfied: ${who}${missing === "" ? "" : `; missing: ${missing}`}.`;
    }
  }
}

export function adviceOf(code: number, findings: readonly Finding[]): string[] {
  const [first] = findings;
  if (code === TxValidationCode.VALID) return [];
  switch (first?.kind) {
    case "read conflict":
      return readAdvice(findings.filter((each): each is ReadConflict => each.kind === "read conflict"));
    case "range conflict":
      return [
        "Submit it again: it is then endorsed with the range as it is now.",
        "Any new, changed or deleted key in a range conflicts with it: read a narrower range, or ask for the keys in a query first and pass them as arguments.",
      ];
    case "policy":
      return policyAdvice(first);
  }
  if (code === TxValidationCode.MVCC_READ_CONFLICT || code === TxValidationCode.PHANTOM_READ_CONFLICT) {
    return ["Submit it again: it is then endorsed with what the ledger holds now."];
  }
  if (code === TxValidationCode.ENDORSEMENT_POLICY_FAILURE) {
    return ["Submit it again through the gateway, which plans by the policies in force."];
  }
  return [wordsOf(code).nextStep];
}

function readAdvice(conflicts: readonly ReadConflict[]): string[] {
  const advice = ["Submit it again: it is then endorsed with the values as they are now."];
  if (conflicts.some((each) => definedBy(each) !== undefined)) {
    return ["Submit it again: peers then run the definition that has come into force meanwhile."];
  }
  if (conflicts.some(({ sameBlock, by }) => sameBlock || by !== undefined)) {
    advice.push(
      conflicts.some(({ writesIt }) => writesIt)
        ? "When many write one key, only one per block succeeds: give each writer a key of its own and add them up when reading, or let one client write."
        : "It only reads the key: leave the read out where the result does not depend on it.",
    );
  }
  return advice;
}

function policyAdvice({ of, signers, missing }: PolicyShortfall): string[] {
  if (of === "changed key") return ["Submit it again: from the next block on the key's new policy counts."];
  if (of === "unreadable key") {
    return [
      "Restore the key's policy in a block in which nothing else touches it; it takes a transaction that does not write the key.",
    ];
  }
  if (of === "unknown collection") return ["Commit a definition of the chaincode with this collection."];
  const advice: string[] = [];
  if (missing.length > 0) {
    advice.push(
      "Have the missing organisations endorse as well: leave the choice to the gateway, or name them as endorsing organisations.",
    );
  } else if (signers.some(({ counts }) => counts)) {
    advice.push(
      "The signatures would do in another order: peers match them with the policy one after the other and do not go back. Submit through the gateway.",
    );
  }
  if (signers.some(({ counts, reason }) => !counts && reason?.includes("altered"))) {
    advice.push("Send the results exactly as the endorsers signed them.");
  }
  if (signers.some(({ counts, reason }) => !counts && reason?.includes("revoked"))) {
    advice.push("Give the peer whose certificate is revoked a new one, or ask another peer of its organisation.");
  }
  return advice;
}
