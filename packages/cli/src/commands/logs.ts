import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { didYouMean, type NetworkView, readEnd, readOn } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork } from "../locate.js";
import { asShown } from "../output.js";

const DEFAULT_LINES = 200;
const POLL_MS = 150;
const TAIL_BYTES = 256 * 1024;

export const logs: Command = {
  name: "logs",
  summary: "what the nodes and the contracts wrote",
  usage: "[node or contract]",
  details:
    "A contract writes a log on each peer: shipment_1.0@peer0.brewery. Without a name, all nodes' logs are shown.",
  options: {
    follow: { type: "boolean", short: "f", about: "go on printing as more is written" },
    lines: {
      type: "string",
      value: "count",
      about: `how many lines of each log to begin with; ${DEFAULT_LINES} unless given`,
    },
  },
  positionals: { min: 0, max: 1 },
  examples: ["hansa logs", "hansa logs peer0.brewery -f", "hansa logs shipment_1.0@peer0.brewery"],
  async run(call) {
    const view = await locateNetwork(call);
    const node = call.options.positionals[0];
    const files = logFiles(view);
    const known = [...files.keys()];
    const hosts = new Map(view.plan.nodes.map((planned) => [planned.host, planned.id]));
    const nodes = known.filter((name) => !name.includes("@"));
    const wanted = node === undefined ? nodes : [hosts.get(node) ?? node];
    for (const name of wanted) {
      if (known.includes(name)) continue;
      throw new HansaError("UNKNOWN_NODE", `Network ${view.name} has no node "${name}".${didYouMean(name, known)}`, {
        nextStep: `Use one of: ${known.join(", ")}.`,
      });
    }
    const lines = lineCount(call);
    const tails = wanted.map((name) => new Tail(name, files.get(name)!, wanted.length > 1, call));
    for (const tail of tails) tail.printLast(lines);
    while (call.options.flag("follow") && !call.interrupted.aborted) {
      await sleep(POLL_MS, undefined, { signal: call.interrupted }).catch(() => {});
      for (const tail of tails) tail.printNew();
    }
    return undefined;
  },
};

/** Log files by what writes them: nodes, then contracts as <label>@<peer>, the newest where one was installed anew. */
function logFiles(view: NetworkView): Map<string, string> {
  const files = new Map<string, string>();
  const logsIn = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith(".log"))
          .sort()
      : [];
  for (const name of logsIn(view.layout.logs)) files.set(name.slice(0, -4), path.join(view.layout.logs, name));
  for (const { id } of view.plan.nodes.filter(({ kind }) => kind === "peer")) {
    const folder = path.join(view.layout.node(id), "chaincodes", "logs");
    for (const name of logsIn(folder)) {
      const file = path.join(folder, name);
      const contract = `${name.replace(/\.[0-9a-f]{64}\.log$/, "")}@${id}`;
      const other = files.get(contract);
      if (other === undefined || statSync(other).mtimeMs < statSync(file).mtimeMs) files.set(contract, file);
    }
  }
  return files;
}

function lineCount(call: Call): number {
  const text = call.options.text("lines");
  if (text === undefined) return DEFAULT_LINES;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new HansaError("USAGE", `--lines is "${text}"; expected a whole number.`);
}

/** Follows one log from its end, also when it turns. */
class Tail {
  readonly #name: string;
  readonly #file: string;
  readonly #named: boolean;
  readonly #call: Call;
  readonly #decoder = new StringDecoder("utf8");
  #offset = 0;
  #rest = "";

  constructor(name: string, file: string, named: boolean, call: Call) {
    this.#name = name;
    this.#file = path.resolve(file);
    this.#named = named;
    this.#call = call;
  }

  printLast(count: number): void {
    const { bytes, offset } = readEnd(this.#file, TAIL_BYTES);
    this.#offset = offset;
    const lines = this.#decoder.write(bytes).split("\n");
    this.#rest = lines.pop() ?? "";
    // Where it was cut off, the first line is no whole one.
    const whole = lines.slice(bytes.length === TAIL_BYTES ? 1 : 0);
    for (const line of whole.slice(count === 0 ? whole.length : -count)) this.#print(line);
  }

  printNew(): void {
    for (;;) {
      const { bytes, offset } = readOn(this.#file, this.#offset);
      this.#offset = offset;
      if (bytes.length === 0) return;
      const lines = (this.#rest + this.#decoder.write(bytes)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#print(line);
    }
  }

  #print(written: string): void {
    const { io, options, paint } = this.#call;
    // Contracts colour what they write whether somebody looks or not.
    const line = options.flag("json") ? stripVTControlCharacters(written) : asShown(written, io.stdout, io.env);
    if (options.flag("json")) io.stdout.write(`${JSON.stringify({ node: this.#name, line })}\n`);
    else io.stdout.write(`${this.#named ? `${paint.dim(this.#name)} ` : ""}${line}\n`);
  }
}
