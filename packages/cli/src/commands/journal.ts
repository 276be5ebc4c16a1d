import path from "node:path";
import { BadExport, openExport, verifyExport } from "@hansa/journal";
import { readDigest } from "@hansa/journal/verify";
import { Layout } from "@hansa/network";
import { HansaError, toHex } from "@hansa/primitives";
import { exportTarget, importStrand } from "@hansa/storage";
import type { Call, Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { wholeNumber } from "../options.js";
import { theChannel } from "./channel-option.js";
import { FORMATS, formatOf } from "./journal-format.js";
import { restoreGovernanceStrand } from "./restore-governance.js";
import { ROOTS_DETAILS, ROOTS_OPTION, rootsOf } from "./roots.js";

const channel = {
  type: "string",
  short: "c",
  value: "name",
  about: "the channel; the network's only one unless given",
} as const;
const endpoint = { type: "string", value: "url", about: "of an S3 service that is not Amazon's" } as const;
const region = { type: "string", value: "name", about: "of the bucket" } as const;
const exportId = { type: "string", value: "id", about: "which one, when there are several exports there" } as const;

const PLACES =
  "A place is a folder, or s3://bucket/prefix. Credentials for S3 are found as Amazon's own tools find them: in the\n" +
  "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), in a profile, or from the machine's role.";

const UNCHECKED = "Who signed its digest was not checked: give --roots for that.";

export const journalDigest: Command = {
  name: "journal digest",
  summary: "the signed digest over all blocks of a channel, or up to one",
  usage: "",
  options: {
    channel,
    block: { type: "string", value: "number", about: "the last block covered; the newest unless given" },
    wait: {
      type: "string",
      value: "seconds",
      about: "how long to wait for peers of most members to sign it too; 0 unless given",
    },
  },
  positionals: { min: 0, max: 0 },
  examples: ["hansa journal digest", "hansa journal digest --channel deliveries --block 7 --json"],
  async run(call) {
    const view = await locateNetwork(call);
    const name = theChannel(call, view);
    const tip = call.options.text("block") === undefined ? undefined : wholeNumber(call.options, "block", 0);
    const waitMs = call.options.text("wait") === undefined ? 0 : wholeNumber(call.options, "wait", 0) * 1_000;
    await runningSupervisor(view);
    try {
      const signed = await (await view.journal(name)).digest(tip, waitMs);
      const digest = readDigest(signed.digest);
      const data = {
        channel: digest.channel,
        strandId: digest.strandId,
        tip: digest.tip,
        tipTime: new Date(digest.tipTimestampMs).toISOString(),
        hash: toHex(digest.hash),
        logRoot: toHex(digest.logRoot),
        signed: Buffer.from(signed.digest).toString("base64"),
        signatures: signed.signatures.map(({ identity, signature }) => ({
          identity: Buffer.from(identity ?? []).toString("base64"),
          signature: Buffer.from(signature ?? []).toString("base64"),
        })),
      };
      const text = [
        `Blocks 0 to ${data.tip} of channel ${data.channel}, strand ${data.strandId}, the last of ${data.tipTime}\n`,
        `hash      ${data.hash}\nlog root  ${data.logRoot}\nsigned by ${data.signatures.length}\n`,
      ];
      return { data, text: text.join("") };
    } finally {
      view.closeConnections();
    }
  },
};

export const journalExport: Command = {
  name: "journal export",
  summary: "write all blocks of a channel in the layout of QLDB's journal export",
  usage: "<place>",
  details: PLACES,
  options: {
    channel,
    format: { type: "string", value: "format", about: `${Object.keys(FORMATS).join(", ")}; ion unless given` },
    endpoint,
    region,
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa journal export backup", "hansa journal export s3://backup/beer --format json"],
  async run(call) {
    const format = formatOf(call.options.text("format") ?? "ion");
    const place = placeOf(call);
    const view = await locateNetwork(call);
    const name = theChannel(call, view);
    await runningSupervisor(view);
    try {
      const journal = await view.journal(name);
      const { files, ...summary } = await journal.exportTo(place, format, (blocks) =>
        call.progress(`${blocks} blocks written`),
      );
      const data = { ...summary, channel: name, format, files: files.map(({ key }) => key) };
      const text = `Exported ${data.blocks} blocks of channel ${name} to ${call.options.positionals[0]}: export ${data.exportId}, ${data.files.length + 1} files, ${data.bytes} bytes.\n`;
      return { data, text };
    } finally {
      view.closeConnections();
      await place.close();
    }
  },
};

export const journalVerifyExport: Command = {
  name: "journal verify-export",
  summary: "check an export by itself: every block, the digest, every file",
  usage: "<place>",
  details: `${PLACES}\n${ROOTS_DETAILS}\nWithout --roots the blocks are checked against the digest, but not who signed it.`,
  options: { roots: ROOTS_OPTION, export: exportId, endpoint, region },
  positionals: { min: 1, max: 1 },
  examples: ["hansa journal verify-export backup --roots orderer-ca.pem"],
  async run(call) {
    const place = placeOf(call);
    try {
      const verdict = await verifyExport(locationOf(call, place), rootsOf(call));
      if (!verdict.valid) throw invalid(verdict);
      const { digest, signers, manifest } = verdict.export;
      const data = {
        exportId: verdict.export.exportId,
        channel: digest.channel,
        strandId: digest.strandId,
        blocks: verdict.blocks,
        bytes: verdict.bytes,
        format: manifest.outputFormat,
        hash: toHex(digest.hash),
        logRoot: toHex(digest.logRoot),
        signers: signers ?? [],
      };
      const vouched =
        signers === undefined
          ? UNCHECKED
          : `Its digest was signed by ${signers.map(({ name, root }) => `${name} (certified by ${root})`).join(", ")}.`;
      const text = `The export holds: blocks 0 to ${digest.tip} of channel ${digest.channel}, ${data.bytes} bytes.\n${vouched}\n`;
      return { data, text };
    } finally {
      await place.close();
    }
  },
};

export const journalImport: Command = {
  name: "journal import",
  summary: "take an export into a fresh orderer's data folder",
  usage: "<place>",
  details: `${PLACES}\nEverything is verified before the orderer can see it. The orderer must not be running.`,
  options: {
    into: { type: "string", value: "folder", about: "the orderer's data folder" },
    roots: ROOTS_OPTION,
    export: exportId,
    endpoint,
    region,
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa journal import backup --into .hansa/beer/nodes/orderer --roots orderer-ca.pem"],
  async run(call) {
    const into = call.options.text("into");
    if (into === undefined)
      throw new HansaError("USAGE", "Without --into there is nowhere to import to.", {
        nextStep: "Give the orderer's data folder, e.g. --into .hansa/<network>/nodes/orderer",
      });
    const place = placeOf(call);
    try {
      const roots = rootsOf(call);
      const opened = await openExport(locationOf(call, place), roots);
      const folder = path.resolve(call.io.cwd, into);
      const imported = await importStrand(path.join(folder, "journal"), opened);
      const acts = await governanceInto(call, folder);
      const { strandId, name, blocks } = imported;
      return {
        data: { channel: name, strandId, blocks, governanceBlocks: acts ?? null },
        text: `Imported ${blocks} blocks of channel ${name}, strand ${strandId}.\n${roots === undefined ? `${UNCHECKED}\n` : ""}${acts === undefined ? "" : `The members' acts were lost too: ${acts} blocks of them are taken from the network's own copy.\n`}The orderer serves it when it starts next.\n`,
      };
    } catch (error) {
      throw error instanceof BadExport ? invalid(error) : error;
    } finally {
      await place.close();
    }
  },
};

/** An orderer that lost its journal lost the members' acts too; the folder of its network has a copy of them. */
async function governanceInto(call: Call, folder: string): Promise<number | undefined> {
  const { governanceStrand } = new Layout(path.resolve(folder, "../.."));
  try {
    return await restoreGovernanceStrand(governanceStrand, path.join(folder, "journal"));
  } catch (error) {
    if (!(error instanceof HansaError) || error.code !== "DAMAGED") throw error;
    call.progress(error.message);
    return undefined;
  }
}

function placeOf(call: Call) {
  const [endpointUrl, regionName] = [call.options.text("endpoint"), call.options.text("region")];
  return exportTarget(call.options.positionals[0]!, call.io.cwd, {
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
    ...(regionName === undefined ? {} : { region: regionName }),
  });
}

function locationOf(call: Call, place: ReturnType<typeof placeOf>) {
  const wanted = call.options.text("export");
  return { store: place.store, prefix: place.prefix, ...(wanted === undefined ? {} : { exportId: wanted }) };
}

type Fault = {
  readonly file: string;
  readonly reason: string;
  readonly block?: number | undefined;
  readonly byte?: number | undefined;
};

function invalid({ file, reason, block, byte }: Fault): HansaError {
  // Of a place rather than of a file in it: no export was found there, or several.
  if (file.endsWith("/")) {
    return new HansaError("PROOF_INVALID", `${file}: ${reason}.`, {
      nextStep: "Name the place that hansa journal export wrote to, and which export with --export <id>",
    });
  }
  const where = [block === undefined ? "" : `, block ${block}`, byte === undefined ? "" : `, byte ${byte}`].join("");
  return new HansaError("PROOF_INVALID", `The export does not hold: ${file}${where}: ${reason}.`, {
    nextStep: "Use another copy of the export, or export again.",
  });
}
