import { isEvidence, type Verdict, verifyEvidence, verifyReceipt } from "@hansa/journal/verify";
import { HansaError } from "@hansa/primitives";
import type { Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { theChannel } from "./channel-option.js";
import { readBytes, writeResult } from "./files.js";
import { ROOTS_DETAILS, ROOTS_OPTION, rootsOf } from "./roots.js";

export const receipt: Command = {
  name: "receipt",
  summary: "proof that a transaction was ordered, as one file",
  usage: "<transaction-id>",
  details: "Prints the receipt, unless --output names a file for it. hansa verify checks it without a network.",
  options: {
    channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
    as: { type: "string", value: "member", about: "the member to ask as; the channel's first one unless given" },
    output: { type: "string", short: "o", value: "file", about: "write the receipt there", formerly: "out" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa receipt 6b1f… > receipt.json", "hansa receipt 6b1f… --channel deliveries --output receipt.json"],
  async run(call) {
    const view = await locateNetwork(call);
    const channel = theChannel(call, view);
    const member = call.options.text("as");
    await runningSupervisor(view);
    try {
      const journal = await view.journal(channel, member === undefined ? {} : { member });
      const text = await journal.receipt(call.options.positionals[0]!);
      const file = call.options.text("output");
      const result = await writeResult(call, JSON.parse(text), text, file);
      if (file === undefined) return result;
      return { ...result, text: `${result.text}Verify it with: hansa verify ${file} --roots <root certificates>\n` };
    } finally {
      view.closeConnections();
    }
  },
};

export const verify: Command = {
  name: "verify",
  summary: "check a receipt, or evidence of two histories, without a network",
  usage: "<receipt.json>|<evidence.json>",
  details: ROOTS_DETAILS,
  options: { roots: ROOTS_OPTION },
  positionals: { min: 1, max: 1 },
  examples: [
    "hansa verify receipt.json --roots brewery-ca.pem,orderer-ca.pem",
    "hansa verify .hansa/beer/nodes/peer0.pub/evidence/deliveries-….json --roots orderer-ca.pem,pub-ca.pem",
  ],
  async run(call) {
    const name = call.options.positionals[0]!;
    const roots = rootsOf(call);
    if (roots === undefined)
      throw new HansaError("USAGE", "Without --roots nobody vouches for the digest's signature.", {
        nextStep: "Give the root certificates that you trust, e.g. --roots .hansa/<network>/organizations",
      });
    const text = (await readBytes(call, name)).toString("utf8");
    const verdict = isEvidence(text) ? verifyEvidence(text, roots) : verifyReceipt(text, roots);
    if (!verdict.valid)
      throw new HansaError("PROOF_INVALID", `${name} does not hold: ${verdict.field} ${verdict.reason}.`, {
        nextStep: verdict.reason.includes("given roots")
          ? "Add that organisation's root certificate to --roots if you trust it; otherwise the signature proves nothing."
          : "Ask for the receipt again, from somebody you trust to keep files as they are.",
      });
    return { data: verdict, text: wordsOf(name, verdict) };
  },
};

function wordsOf(name: string, { proved, notProved }: Pick<Verdict & { valid: true }, "proved" | "notProved">): string {
  const list = (sentences: readonly string[]) => sentences.map((sentence) => `  ${sentence}\n`).join("");
  return `${name} holds. It proves:\n${list(proved)}It does not prove:\n${list(notProved)}`;
}
