/** A channel's configuration: shown as JSON, compared with an edited one, updated, signed. */
import {
  type ConfigDraft,
  channelOfUpdate,
  type KeyHolder,
  type Missing,
  missingIn,
  type NetworkView,
  updateToJson,
} from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { wholeNumber } from "../options.js";
import { readBytes, readJson, writeResult } from "./files.js";
import { keyHolders, openUpdate, SIGN_BY } from "./signers.js";

export const configShow: Command = {
  name: "config show",
  summary: "a channel's configuration as JSON, to read or to edit",
  usage: "<channel>",
  details: "The JSON has the exact shape that Fabric's configtxlator gives, so scripts written for that work.",
  options: {
    block: { type: "string", value: "number", about: "as it was when this block was written; now unless given" },
    output: { type: "string", short: "o", value: "file", about: "write it there" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "hansa config show deliveries --output config.json",
    "hansa config show deliveries | jq .channel_group.values",
  ],
  async run(call) {
    return withView(call, async (view) => {
      const settings = await view.settings(call.options.positionals[0]!);
      const asOf = call.options.text("block") === undefined ? undefined : wholeNumber(call.options, "block", 0);
      const data = await settings.show(asOf);
      return writeResult(call, data, `${JSON.stringify(data, undefined, 2)}\n`);
    });
  },
};

export const configDiff: Command = {
  name: "config diff",
  summary: "what an edited configuration would change, who must sign it, and what speaks against it",
  usage: "<channel> <edited.json>",
  positionals: { min: 2, max: 2 },
  examples: ["hansa config diff deliveries config.json"],
  async run(call) {
    return withView(call, async (view) => {
      const [channel, file] = call.options.positionals as [string, string];
      const settings = await view.settings(channel);
      const draft = await settings.draft(await readJson(call, file));
      const data = { channel, ...dataOf(draft), update: updateToJson(draft) };
      return { data, text: `${changesText(draft)}${needsText(draft)}${findingsText(draft)}` };
    });
  },
};

export const configUpdate: Command = {
  name: "config update",
  summary: "change a channel's configuration",
  usage: "<channel> <edited.json|update.pb>",
  details:
    "Works out what an edited configuration changes, has it signed by members whose keys are on this machine, and sends\n" +
    "it. Where keys of other machines are needed too, --output writes the update to a file for `hansa config sign` there;\n" +
    "the signed file is then sent with this command. What would lock members out is refused unless --force is given.",
  options: {
    "sign-by": SIGN_BY,
    output: { type: "string", short: "o", value: "file", about: "write the signed update there instead of sending it" },
    "dry-run": { type: "boolean", about: "tell what would be sent and by whom it would be signed, and stop" },
    force: { type: "boolean", about: "send it although it locks members out" },
  },
  positionals: { min: 2, max: 2 },
  examples: [
    "hansa config update deliveries config.json",
    "hansa config update deliveries config.json --sign-by Brewery,Pub",
    "hansa config update deliveries config.json --output update.pb",
  ],
  async run(call) {
    return withView(call, async (view) => {
      const [channel, file] = call.options.positionals as [string, string];
      const settings = await view.settings(channel);
      const opened = await openUpdate(call, settings, file);
      const signers = keyHolders(call, settings, opened);
      const draft = settings.sign(opened, signers);
      const missing = missingIn(draft);
      const data = {
        channel,
        ...dataOf(draft),
        signedBy: signers.map(({ name }) => name),
        missing: missingData(missing),
      };
      const told = `${changesText(draft)}${findingsText(draft)}${signedText(signers)}${missingText(missing)}`;
      if (call.options.flag("dry-run")) return { data: { ...data, sent: false }, text: `${told}Nothing was sent.\n` };

      refuseLockOut(call, draft);
      const submitter = signers[0] ?? submitterOf(settings.holders, draft);
      const output = call.options.text("output");
      if (output !== undefined) {
        await writeResult(call, undefined, settings.envelope(draft, submitter.admin), output);
        const next = missing.length > 0 ? `Have it signed with: hansa config sign ${output}\n` : "";
        const send = `Send it with: hansa config update ${channel} ${output}\n`;
        return { data: { ...data, sent: false, output }, text: `${told}Wrote ${output}.\n${next}${send}` };
      }
      if (missing.length > 0) throw signaturesMissing(missing);
      const sequence = await settings.send(draft, submitter.admin);
      return {
        data: { ...data, sent: true, sequence },
        text: `${told}Channel ${channel} has configuration ${sequence}.\n`,
      };
    });
  },
};

export const configSign: Command = {
  name: "config sign",
  summary: "sign an update of a configuration that somebody else wrote to a file",
  usage: "<update.pb>",
  details:
    "The update is told in words first. Files of Fabric's tools are read as well, and Fabric's tools read what is written.",
  options: {
    "sign-by": SIGN_BY,
    output: { type: "string", short: "o", value: "file", about: "write it there; into the same file unless given" },
    force: { type: "boolean", about: "sign it although it locks members out" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa config sign update.pb --sign-by Pub"],
  async run(call) {
    return withView(call, async (view) => {
      const file = call.options.positionals[0]!;
      const settings = await view.settings(channelOfUpdate(await readBytes(call, file)));
      const opened = await openUpdate(call, settings, file);
      const signers = keyHolders(call, settings, opened);
      refuseLockOut(call, opened);
      if (signers.length === 0)
        throw new HansaError("SIGNATURES_MISSING", "Nobody on this machine has a signature that this update lacks.", {
          nextStep: "Name who is to sign with --sign-by.",
        });
      const draft = settings.sign(opened, signers);
      const missing = missingIn(draft);
      const output = call.options.text("output") ?? file;
      await writeResult(call, undefined, settings.envelope(draft, signers[0]!.admin), output);
      const data = {
        ...dataOf(draft),
        signedBy: signers.map(({ name }) => name),
        missing: missingData(missing),
        output,
      };
      const text = `${changesText(draft)}${findingsText(draft)}${signedText(signers)}${missingText(missing)}Wrote ${output}.\n`;
      return { data, text };
    });
  },
};

async function withView<T>(call: Call, work: (view: NetworkView) => Promise<T>): Promise<T> {
  const view = await locateNetwork(call);
  await runningSupervisor(view);
  try {
    return await work(view);
  } finally {
    view.closeConnections();
  }
}

function dataOf({ changes, needs, findings, current }: ConfigDraft) {
  return {
    sequence: Number(current.sequence),
    changes,
    needs: needs.map(({ policyPath, elements, rule }) => ({ policy: policyPath, guards: elements, rule })),
    findings,
  };
}

const missingData = (missing: readonly Missing[]) =>
  missing.map(({ need, missing }) => ({ policy: need.policyPath, rule: need.rule, couldSign: missing }));

function changesText({ changes }: ConfigDraft): string {
  return changes.map((change) => `${change}\n`).join("");
}

function needsText({ needs }: ConfigDraft): string {
  return needs.map((need) => `${ruleOf(need)}\n`).join("");
}

function ruleOf({ policyPath, outOf, rule }: ConfigDraft["needs"][number]): string {
  if (outOf !== undefined) {
    const all = outOf.needed === outOf.principals.length ? "of" : `by ${outOf.needed} of`;
    return `needs signatures ${all} ${outOf.principals.join(", ")} (${policyPath})`;
  }
  return rule === undefined ? `needs ${policyPath}` : `needs ${rule} (${policyPath})`;
}

function findingsText({ findings }: ConfigDraft): string {
  const lead = { refused: "refused", locks: "locks out", warns: "warning" } as const;
  return findings.map(({ severity, message, nextStep }) => `${lead[severity]}: ${message} ${nextStep}\n`).join("");
}

function signedText(signers: readonly KeyHolder[]): string {
  return signers.length === 0 ? "" : `signed by ${signers.map(({ name }) => name).join(", ")}\n`;
}

function missingText(missing: readonly Missing[]): string {
  return missing.map((each) => `missing: ${lackOf(each)}\n`).join("");
}

function lackOf({ need, missing }: Missing): string {
  const could = missing.length === 0 ? "others" : missing.join(", ");
  const count = need.outOf === undefined ? "" : ` ${need.outOf.needed} of ${need.outOf.principals.length} must sign;`;
  return `${need.policyPath} is not satisfied:${count} not yet signed: ${could}`;
}

function signaturesMissing(missing: readonly Missing[]): HansaError {
  return new HansaError("SIGNATURES_MISSING", `${missing.map(lackOf).join(". ")}.`, {
    nextStep: "Name more signers with --sign-by, or write the update with --output and have it signed elsewhere.",
  });
}

function refuseLockOut(call: Call, { findings }: ConfigDraft): void {
  const grave = findings.filter(({ severity }) => severity !== "warns");
  if (grave.length === 0 || call.options.flag("force")) return;
  throw new HansaError("LOCK_OUT", grave.map(({ message }) => message).join(" "), {
    nextStep: `${grave[0]!.nextStep} To do it all the same: --force.`,
  });
}

/** Whoever may write to the channel may send what others signed. */
function submitterOf(holders: readonly KeyHolder[], { current }: ConfigDraft): KeyHolder {
  const submitter = holders.find(({ mspId }) => current.mspIds().includes(mspId));
  if (submitter !== undefined) return submitter;
  throw new HansaError("MISSING_IDENTITY", "No administrator of a member of the channel is on this machine.");
}
