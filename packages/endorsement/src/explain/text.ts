/** An explanation as a person reads it. */
import { LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import type { Explanation, Finding, Person, PolicyShortfall, ShownCollection, ShownSet } from "./explanation.js";
import { oneLine, personText } from "./shown.js";
import {
  callText,
  capital,
  changeWords,
  keyWords,
  missingWords,
  placeText,
  policyOwner,
  rangeWords,
  readWords,
  refText,
} from "./words.js";

const SHORT_HASH = 16;

/** All of it, ending with a line break. */
export function explanationText(explanation: Explanation): string {
  const { channel, code, creator, timestamp, findings, advice, notes, isValid, type } = explanation;
  const lines = [`Transaction ${explanation.txId || "without an id"}`];
  lines.push(`  ${code} in ${placeText(explanation)} of channel ${channel}`);
  if (creator !== undefined)
    lines.push(`  sent by ${personText(creator)}${timestamp === undefined ? "" : ` at ${timestamp}`}`);
  lines.push(type === "ENDORSER_TRANSACTION" ? `  called ${callText(explanation)}` : `  of type ${type || "unknown"}`);
  if (!isValid) {
    lines.push("", "Why it changed nothing");
    lines.push(...findings.flatMap(findingLines).map(indented));
    lines.push("", "What helps", ...advice.map(indented));
  }
  lines.push(...transactionLines(explanation));
  if (notes.length > 0) lines.push("", "Note", ...notes.map(indented));
  return `${lines.map(oneLine).join("\n")}\n`;
}

function indented(line: string): string {
  return `  ${line}`;
}

/** The first line is a sentence, the others are indented below it. */
export function findingLines(finding: Finding): string[] {
  return linesOf(finding).map(oneLine);
}

function linesOf(finding: Finding): string[] {
  switch (finding.kind) {
    case "read conflict":
      return [
        `${capital(keyWords(finding))} ${readWords(finding.read)}; ${changeWords(finding)}.`,
        ...(finding.by === undefined ? [] : [`  ${refText(finding.by)}`]),
      ];
    case "range conflict": {
      const { first, isCertain } = finding;
      const sentence = `${capital(rangeWords(finding))} gives other results than when it was endorsed.`;
      if (first === undefined) return [sentence];
      const which = isCertain ? "The first difference" : "The key that changed last, which is probably why";
      const key = `  ${which}: ${keyWords(first)} ${readWords(first.read)}; ${changeWords(first)}.`;
      return [sentence, key, ...(first.by === undefined ? [] : [`    ${refText(first.by)}`])];
    }
    case "policy":
      return policyLines(finding);
    case "fact":
      return [
        finding.fact,
        ...(finding.other === undefined ? [] : [`  ${placeText(finding.other)}: ${refText(finding.other)}`]),
      ];
  }
}

function policyLines(finding: PolicyShortfall): string[] {
  const { of, policy, words, signers, missing, missingCut, changedBy } = finding;
  const owner = capital(policyOwner(finding));
  if (of === "changed key") {
    return [
      `${owner} is changed by an earlier transaction of the same block: the key cannot be written until the next one.`,
      ...(changedBy === undefined ? [] : [`  ${placeText(changedBy)}: ${refText(changedBy)}`]),
    ];
  }
  if (of === "unreadable key") return [`${owner} cannot be read, so that nobody can satisfy it.`];
  if (of === "unknown collection") return [`It writes to ${policyOwner(finding)}.`];
  const lines = [`${owner} is not satisfied.`];
  if (words !== "") lines.push(`  It asks for ${words}.`);
  if (policy !== "") lines.push(`  ${policy}`);
  for (const signer of signers) {
    const verdict = signer.counts ? "counts" : "does not count";
    lines.push(
      `  ${personText(signer)} signed; it ${verdict}${signer.reason === undefined ? "" : `: ${signer.reason}`}`,
    );
  }
  if (signers.length === 0) lines.push("  Nobody signed.");
  if (missing.length > 0) lines.push(`  Missing: ${missingWords(missing, missingCut)}`);
  return lines;
}

/** What peers themselves read of the chaincode's definition says nothing about the transaction. */
function isDefinitionOnly({ namespace, writeCount, rangeCount, collections }: ShownSet, chaincode: string): boolean {
  const isOthers = namespace === LIFECYCLE_NAMESPACE && chaincode !== LIFECYCLE_NAMESPACE;
  return isOthers && writeCount + rangeCount + collections.length === 0;
}

function transactionLines({ endorsers, sets, event, chaincode }: Explanation): string[] {
  const lines: string[] = [];
  if (endorsers.length > 0) lines.push("", "Endorsed by", ...endorsers.map((each: Person) => `  ${personText(each)}`));
  for (const set of sets) if (!isDefinitionOnly(set, chaincode)) lines.push(...setLines(set));
  if (event !== undefined) {
    lines.push("", `Event ${event.name}`, `  ${event.payload ?? `${event.bytes} bytes`}`);
  }
  return lines;
}

function setLines(set: ShownSet): string[] {
  const { namespace, reads, writes, collections, readCount, rangeCount, writeCount, policyCount } = set;
  if (readCount + rangeCount + writeCount + policyCount + collections.length === 0) return [];
  const lines = ["", `In ${namespace}`];
  for (const { key, version } of reads) {
    lines.push(
      `  read ${key}, ${version === undefined ? "which was not there" : `as ${placeText(version)} had left it`}`,
    );
  }
  if (readCount > reads.length) lines.push(`  … and ${readCount - reads.length} more reads`);
  if (rangeCount > 0) lines.push(`  read ${rangeCount} range${rangeCount === 1 ? "" : "s"}`);
  for (const { key, isDelete, bytes, value } of writes) {
    lines.push(isDelete ? `  deleted ${key}` : `  wrote ${key} = ${value ?? `${bytes} bytes`}`);
  }
  if (writeCount > writes.length) lines.push(`  … and ${writeCount - writes.length} more writes`);
  if (policyCount > 0) lines.push(`  set the policies of ${policyCount} key${policyCount === 1 ? "" : "s"}`);
  for (const collection of collections) lines.push(...collectionLines(collection));
  return lines;
}

function collectionLines({ name, members, reads, writes, hash, here, keys }: ShownCollection): string[] {
  const counts = [reads > 0 ? `${reads} read` : "", writes > 0 ? `${writes} written` : ""].filter(
    (text) => text !== "",
  );
  const lines = [`  private collection ${name}: ${counts.join(", ") || "touched"}`];
  if (members.length > 0) lines.push(`    for ${members.join(", ")}`);
  if (keys.length > 0) lines.push(`    keys ${keys.join(", ")}`);
  if (hash !== "") lines.push(`    SHA-256 of the private values on the ledger: ${hash.slice(0, SHORT_HASH)}…`);
  if (here === "held") lines.push("    this peer has the values");
  if (here === "missing") lines.push("    this peer should have the values and does not");
  return lines;
}
