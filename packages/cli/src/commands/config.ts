/** A channel's configuration: shown as JSON, compared with an edited one, updated, signed. */
import { type ConfigDraft, type KeyHolder, missingIn, updateToJson } from "@hansa/network";
import { HansaError, messageOf } from "@hansa/primitives";
import type { Command } from "../command.js";
import { onRunningNetwork } from "../locate.js";
import { wholeNumber } from "../options.js";
import {
  changesText,
  dataOf,
  findingsText,
  missingData,
  missingText,
  needsText,
  refuseLockOut,
  signaturesMissing,
  signedText,
} from "./config-words.js";
import { readJson, writeResult } from "./files.js";
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
    return onRunningNetwork(call, async (view) => {
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
    return onRunningNetwork(call, async (view) => {
      const [channel, file] = call.options.positionals as [string, string];
      const settings = await view.settings(channel);
      const draft = await settings.draft(await readJson(call, file)).catch((error: unknown) => {
        if (!messageOf(error).startsWith("no differences detected")) throw error;
      });
      if (draft === undefined)
        return { data: { channel, changes: [], needs: [], findings: [] }, text: "Nothing would change.\n" };
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
    return onRunningNetwork(call, async (view) => {
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

/** Whoever may write to the channel may send what others signed. */
function submitterOf(holders: readonly KeyHolder[], { current }: ConfigDraft): KeyHolder {
  const submitter = holders.find(({ mspId }) => current.mspIds().includes(mspId));
  if (submitter !== undefined) return submitter;
  throw new HansaError("MISSING_IDENTITY", "No administrator of a member of the channel is on this machine.");
}
