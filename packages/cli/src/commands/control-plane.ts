import { existsSync, statSync } from "node:fs";
import path from "node:path";
import {
  type ControlPlaneRecord,
  controlPlaneFolder,
  controlPlaneLog,
  findControlPlane,
  readAccounts,
  startControlPlaneDetached,
  stopControlPlane,
} from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command, Result } from "../command.js";
import { dataRoot } from "../locate.js";
import { wholeNumber } from "../options.js";
import { table } from "../output.js";
import { durationOf } from "./clock.js";

const AUTH = ["signed", "open"] as const;
const QUOTAS = ["on", "off"] as const;
const ENDPOINTS = ["loopback", "aws"] as const;
const CLOCKS = ["simulated", "system"] as const;

export const controlPlaneUp: Command = {
  name: "control-plane up",
  endsTidily: true,
  summary: "serve the Managed Blockchain API for the networks of the data folder",
  usage: "",
  details:
    "AWS's command line and SDKs work against it: point AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN at it and use one of the\n" +
    "profiles in the credentials file that it names. It stays up in the background.",
  options: {
    port: { type: "string", value: "port", about: "on 127.0.0.1; a free one unless given" },
    region: { type: "string", value: "region", about: "the region it plays; us-east-1 unless given" },
    accounts: { type: "string", value: "file", about: "accounts with their keys; three are made unless given" },
    auth: {
      type: "string",
      value: "kind",
      about: "signed (the default), or open: a 12-digit access key is the account",
    },
    quotas: { type: "string", value: "on|off", about: "whether the service's quotas hold; on unless given" },
    "no-quotas": { type: "boolean", about: "the same as --quotas off" },
    delay: { type: "string", value: "duration", about: "how long things stay CREATING at least, e.g. 30s" },
    endpoints: {
      type: "string",
      value: "kind",
      about: "loopback (the default), or aws: names as the service has them",
    },
    clock: {
      type: "string",
      value: "kind",
      about: "simulated (the default): a new network's clock can be moved; or system",
    },
    events: { type: "string", value: "target", about: "a file or an http address that gets EventBridge-shaped events" },
  },
  positionals: { min: 0, max: 0 },
  examples: ["hansa control-plane up", "hansa control-plane up --port 8080 --no-quotas --delay 30s"],
  async run(call) {
    const dataFolder = dataRoot(call);
    const running = await findControlPlane(controlPlaneFolder(dataFolder));
    if (running !== undefined) {
      const names = ["port", "region", "accounts", "auth", "quotas", "delay", "endpoints", "clock", "events"];
      const asksFor = call.options.flag("no-quotas") || names.some((name) => call.options.text(name) !== undefined);
      const hint = " It goes by the options it was started with; for others, first: hansa control-plane down";
      return describe(call, running, `The control plane is running already.${asksFor ? hint : ""}`);
    }
    const startedAt = performance.now();
    const { text } = call.options;
    const accounts = text("accounts");
    const delay = text("delay");
    const options = {
      dataFolder,
      ...(text("port") === undefined ? {} : { port: portOf(call) }),
      ...(text("region") === undefined ? {} : { region: regionOf(text("region")!) }),
      ...(accounts === undefined ? {} : { accountsFile: path.resolve(call.io.cwd, accounts) }),
      auth: oneOf(call, "auth", AUTH),
      quotas: call.options.flag("no-quotas") ? "off" : oneOf(call, "quotas", QUOTAS),
      ...(delay === undefined ? {} : { createDelayMs: durationOf(delay) }),
      endpoints: oneOf(call, "endpoints", ENDPOINTS),
      simulatedClock: oneOf(call, "clock", CLOCKS) === "simulated",
      ...eventsOf(text("events"), call.io.cwd),
    } as const;
    const record = await startControlPlaneDetached(options, process.argv[1]!, call.interrupted);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    return describe(call, record, `The control plane is up (${seconds} s).`);
  },
};

export const controlPlaneStatus: Command = {
  name: "control-plane status",
  summary: "where the Managed Blockchain API is served, and for which accounts",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa control-plane status"],
  async run(call) {
    const record = await findControlPlane(controlPlaneFolder(dataRoot(call)));
    if (record !== undefined) return describe(call, record, "The control plane is running.");
    return {
      data: { running: false },
      text: "The control plane is stopped.\nStart it with: hansa control-plane up\n",
    };
  },
};

export const controlPlaneDown: Command = {
  name: "control-plane down",
  summary: "stop serving the Managed Blockchain API; networks go on",
  usage: "",
  positionals: { min: 0, max: 0 },
  examples: ["hansa control-plane down"],
  async run(call) {
    const record = await findControlPlane(controlPlaneFolder(dataRoot(call)));
    if (record === undefined) return { data: { wasRunning: false }, text: "The control plane was not running.\n" };
    await stopControlPlane(record);
    return { data: { wasRunning: true }, text: "The control plane is stopped; networks go on.\n" };
  },
};

async function describe(call: Call, record: ControlPlaneRecord, headline: string): Promise<Result> {
  const { url, httpsUrl, region, credentialsFile, pid, auth } = record;
  const accounts = await readAccounts(record.accountsFile);
  const rows = accounts.map(({ accountId, name }) => [accountId, name]);
  const profile = accounts[0]?.name ?? "default";
  const open =
    auth === "open" ? "Signatures are not checked: any other access key id of 12 digits is the account.\n\n" : "";
  return {
    data: {
      running: true,
      url,
      httpsUrl,
      region,
      auth,
      pid,
      credentialsFile,
      log: controlPlaneLog(controlPlaneFolder(dataRoot(call))),
      accounts: accounts.map(({ accountId, name }) => ({ accountId, name })),
    },
    text:
      `${call.paint.bold(headline)}\n\n${table([["account", "profile"], ...rows])}\n${open}` +
      `For AWS's tools:\n` +
      `  export AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN=${url}\n` +
      `  export AWS_SHARED_CREDENTIALS_FILE=${credentialsFile}\n` +
      `  export AWS_REGION=${region} AWS_DEFAULT_REGION=${region} AWS_PROFILE=${profile}\n` +
      `Then: aws managedblockchain list-networks, or hansa network list\n`,
  };
}

/** @throws HansaError USAGE */
function portOf(call: Call): number {
  const port = wholeNumber(call.options, "port", 0);
  if (port <= 65_535) return port;
  throw new HansaError("USAGE", `--port is ${port}; expected 0 to 65535.`);
}

/** It stands in names and signatures. @throws HansaError USAGE */
function regionOf(region: string): string {
  if (/^[a-z0-9]+(-[a-z0-9]+)*$/.test(region) && region.length <= 32) return region;
  throw new HansaError("USAGE", `--region is "${region}"; expected for instance us-east-1.`);
}

/** @throws HansaError USAGE */
function eventsOf(target: string | undefined, cwd: string): { webhook?: string; eventsFile?: string } {
  if (target === undefined) return {};
  if (/^https?:\/\//.test(target) && URL.canParse(target)) return { webhook: target };
  const wrong = (fact: string) => new HansaError("USAGE", `--events is "${target}"; ${fact}.`);
  if (target === "" || /^[a-z0-9]+:/i.test(target)) throw wrong("expected a file, or an http address");
  const eventsFile = path.resolve(cwd, target);
  if (!existsSync(path.dirname(eventsFile))) throw wrong(`there is no folder ${path.dirname(eventsFile)}`);
  if (existsSync(eventsFile) && statSync(eventsFile).isDirectory()) throw wrong("expected a file, and it is a folder");
  return { eventsFile };
}

/** The first one unless given. @throws HansaError USAGE */
function oneOf<const T extends string>(call: Call, name: string, values: readonly [T, ...T[]]): T {
  const text = call.options.text(name) ?? values[0];
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new HansaError("USAGE", `--${name} is "${text}"; expected ${values.join(" or ")}.`);
}
