/** `hansa config sign`: with the keys of a network on this machine, or with an MSP folder and nothing else. */
import path from "node:path";
import { type ConfigDraft, channelOfUpdate, identityInFolder, missingIn, previewFile, signFile } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command, Result } from "../command.js";
import { onRunningNetwork } from "../locate.js";
import {
  changesText,
  dataOf,
  findingsText,
  missingData,
  missingText,
  refuseLockOut,
  signedText,
} from "./config-words.js";
import { readBytes, writeResult } from "./files.js";
import { keyHolders, openUpdate, SIGN_BY } from "./signers.js";

export const configSign: Command = {
  name: "config sign",
  summary: "sign an update of a configuration that somebody else wrote to a file",
  usage: "<update.pb>",
  details:
    "The update is told in words first. Files of Fabric's tools are read as well, and Fabric's tools read what is written.\n" +
    "Where no network is at hand, --msp names an administrator's msp folder, and --config a file with the configuration in\n" +
    "force (a block of hansa channel fetch, or the JSON of hansa config show) to judge the update by.",
  options: {
    "sign-by": SIGN_BY,
    msp: { type: "string", value: "folder", about: "of an administrator, for signing without a network" },
    mspid: { type: "string", value: "id", about: "of the member whose administrator that is" },
    config: { type: "string", value: "file", about: "the configuration in force, for signing without a network" },
    output: { type: "string", short: "o", value: "file", about: "write it there; into the same file unless given" },
    force: { type: "boolean", about: "sign it although it locks members out, or unseen" },
  },
  positionals: { min: 1, max: 1 },
  examples: [
    "hansa config sign update.pb --sign-by Pub",
    "hansa config sign update.pb --msp users/Admin@pub.example.com/msp --mspid PubMSP --config config.block",
  ],
  async run(call) {
    const folder = call.options.text("msp");
    return folder === undefined ? signHere(call) : signOffline(call, path.resolve(call.io.cwd, folder));
  },
};

function signHere(call: Call): Promise<Result> {
  return onRunningNetwork(call, async (view) => {
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
    return signed(call, draft, settings.envelope(draft, signers[0]!.admin), signers);
  });
}

async function signOffline(call: Call, folder: string): Promise<Result> {
  const { options } = call;
  const mspId = options.text("mspid");
  if (mspId === undefined)
    throw new HansaError("USAGE", "It is not said whose administrator the folder is of.", {
      nextStep: "Give the member's MSP id with --mspid.",
    });
  const file = await readBytes(call, options.positionals[0]!);
  const signer = identityInFolder(folder, mspId);
  const configFile = options.text("config");
  if (configFile === undefined && !options.flag("force"))
    throw new HansaError("USAGE", "Without the configuration in force nobody can say what the update does.", {
      nextStep: "Give it with --config, or sign unseen with --force.",
    });
  const content = signFile(file, signer);
  if (configFile === undefined) {
    const output = options.text("output") ?? options.positionals[0]!;
    await writeResult(call, undefined, content, output);
    return { data: { signedBy: [mspId], output }, text: `${signedText([{ name: mspId }])}Wrote ${output}.\n` };
  }
  const config = await readBytes(call, configFile);
  refuseLockOut(call, await previewFile(file, config, signer));
  return signed(call, await previewFile(content, config, signer), content, [{ name: mspId }]);
}

async function signed(
  call: Call,
  draft: ConfigDraft,
  content: Uint8Array,
  signers: readonly { readonly name: string }[],
): Promise<Result> {
  const missing = missingIn(draft);
  const output = call.options.text("output") ?? call.options.positionals[0]!;
  await writeResult(call, undefined, content, output);
  const names = signers.map(({ name }) => name);
  const told = `${changesText(draft)}${findingsText(draft)}${signedText(signers)}${missingText(missing)}`;
  return {
    data: { ...dataOf(draft), signedBy: names, missing: missingData(missing), output },
    text: `${told}Wrote ${output}.\n`,
  };
}
