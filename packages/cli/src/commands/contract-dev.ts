import path from "node:path";
import { type DevelopmentEvent, develop } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call, Command } from "../command.js";
import { locateNetwork, runningSupervisor } from "../locate.js";
import { theChannel } from "./channel-option.js";
import { nameOf } from "./deploy.js";

const INSPECT_PORT = "9229";

export const contractDev: Command = {
  name: "contract dev",
  endsTidily: true,
  summary: "run a contract from its folder and start it anew at each save, with a debugger if you like",
  usage: "<folder>",
  details:
    "The network must be running. A contract that the channel does not have yet is deployed once; after that neither\n" +
    "the package nor the sequence changes. Every peer of the channel calls the one process that this starts, until\n" +
    "Ctrl-C gives the contract back to its package. Type errors are shown and do not stand in the way, unless\n" +
    "tsconfig.json says noEmitOnError. Calls do not run out of time while a debugger is attached.",
  options: {
    name: { type: "string", value: "name", about: "the contract's name; its package.json's unless given" },
    channel: { type: "string", short: "c", value: "name", about: "the channel; the network's only one unless given" },
    inspect: {
      type: "string",
      value: "port",
      alone: INSPECT_PORT,
      about: `let a debugger attach; on port ${INSPECT_PORT} unless given`,
    },
    endorsement: {
      type: "string",
      value: "policy",
      about: "for the first deployment: majority, all, any, or a policy",
    },
    collections: { type: "string", value: "file", about: "for the first deployment: private data collections" },
  },
  positionals: { min: 1, max: 1 },
  examples: ["hansa contract dev ./my-contract", "hansa contract dev ./my-contract --inspect=9230"],
  async run(call) {
    const view = await locateNetwork(call);
    await runningSupervisor(view);
    const root = path.resolve(call.io.cwd, call.options.positionals[0]!);
    const collections = call.options.text("collections");
    const ended = new AbortController();
    const end = () => ended.abort();
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, end);
    try {
      await develop(view, {
        name: call.options.text("name") ?? (await nameOf(root)),
        channel: theChannel(call, view),
        path: root,
        endorsement: call.options.text("endorsement"),
        collections: collections === undefined ? undefined : path.resolve(call.io.cwd, collections),
        inspectPort: inspectPort(call),
        env: call.io.env,
        onEvent: (event) => print(event, call),
        report: (step) => call.progress(step),
        signal: AbortSignal.any([call.interrupted, ended.signal]),
      });
    } finally {
      for (const signal of ["SIGTERM", "SIGHUP"] as const) process.removeListener(signal, end);
      view.closeConnections();
    }
    return undefined;
  },
};

function inspectPort(call: Call): number | undefined {
  const text = call.options.text("inspect");
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new HansaError("USAGE", `--inspect is "${text}"; expected a port.`);
}

function print(event: DevelopmentEvent, call: Call): void {
  const { io, options } = call;
  io.stdout.write(options.flag("json") ? `${JSON.stringify(event)}\n` : inWords(event, call));
}

function inWords(event: DevelopmentEvent, { paint }: Call): string {
  switch (event.event) {
    case "attached":
      return (
        `Contract ${paint.bold(event.contract)} of channel ${event.channel} (version ${event.version}, sequence ` +
        `${event.sequence}) runs from its folder at ${event.peers.join(", ")}.\n` +
        `${paint.dim("Save a file to run it; Ctrl-C gives it back to the deployed package.")}\n`
      );
    case "debugger":
      return `Debuggers attach at 127.0.0.1:${event.port}.\n`;
    case "debugger-attached":
      return event.attached
        ? "Debugger attached: calls do not run out of time.\n"
        : "Debugger detached: calls run out of time again.\n";
    case "problems": {
      const places = event.problems.map(
        ({ file, line, column, message }) => `${paint.red(`${file}:${line}:${column}`)} ${message}\n`,
      );
      const output = event.output === "" ? "" : `${event.output}\n`;
      const blocking = event.isBlocking ? "Nothing new was written: what ran before goes on.\n" : "";
      return `${places.join("")}${output}${blocking}`;
    }
    case "ready":
      return `${paint.green(`ready #${event.generation}`)} in ${event.ms} ms ${paint.dim(`(build ${event.buildMs}, start ${event.startMs})`)}\n`;
    case "failed":
      return `${paint.red(`The contract does not run: ${event.reason}.`)}${event.serves ? " What ran before goes on." : ""}\n`;
    case "log":
      return `${paint.dim("|")} ${event.line}\n`;
    case "peer-lost":
      return `Peer ${event.peer} is gone: ${event.reason}.\n`;
    case "peer-back":
      return `Peer ${event.peer} is back.\n`;
    case "restored":
      return `Contract ${event.contract} of channel ${event.channel} is the deployed package again.\n`;
  }
}
