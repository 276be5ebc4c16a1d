/** One process of a contract that is being developed: started, read, ended. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { shimProgram } from "@hansa/peer/contracts";
import { messageOf } from "@hansa/primitives";
import { eachLine, killGroup } from "./builder.js";
import type { ContractFolder } from "./contract-folder.js";
import { PEERS_VARIABLE, type PeerToServe } from "./contract-preload.js";

export type ContractProcessOptions = {
  readonly folder: ContractFolder;
  /** What it announces. */
  readonly name: string;
  readonly mspId: string;
  readonly peers: readonly PeerToServe[];
  /** Path of the preloaded file. */
  readonly preload: string;
  /** Where modules are found that the folder itself does not have. */
  readonly modulePath: string | undefined;
  readonly inspect: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
  /** The debugger's port, on this machine. */
  readonly onInspector: (port: number) => void;
  readonly onExit: (reason: string, lastLines: readonly string[]) => void;
};

/** How fabric-shim's command explains itself when a contract cannot be loaded; that is not what is wrong. */
const USAGE_BEGINS = /^fabric-chaincode-node start --peer\.address /;
const USAGE_ENDS = /^ +--module-path /;
/** Frames of what loads a contract, and of nobody's own code. */
const FOREIGN_FRAME = /^ +at .*(\(node:internal\/|\/fabric-shim\/|\/hansa-dev-\w+\/preload\.cjs)/;

/** A peer that stops is reported by its own stream, and in fewer words. */
const STREAM_ENDED = /Chat stream with peer - on error/;
/** A file and a line: at the top of what node prints about a mistake, or in a frame of a stack. */
const PLACE = /(?:^|\(|at )(\/[^():]+|[A-Za-z]:\\[^():]+):(\d+)/;

const TERMINATION_MS = 1_000;
const KEPT_LINES = 40;
/** Lines in a second; a contract that floods its output must not drown what else is said. */
const MAX_LINES_PER_SECOND = 500;

export class ContractProcess {
  readonly #options: ContractProcessOptions;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  #isOver = false;
  #second = 0;
  #linesInSecond = 0;
  #isUsage = false;

  constructor(options: ContractProcessOptions) {
    this.#options = options;
    const { program, args } = this.#command();
    this.#child = spawn(program, args, {
      cwd: options.folder.root,
      env: this.#environment(),
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdin?.on("error", () => {});
    eachLine(this.#child, (line, stream) => this.#take(stripVTControlCharacters(line).trimEnd(), stream));
    const over = (reason: string) => {
      if (this.#isOver) return;
      this.#isOver = true;
      options.onExit(`${reason}${this.#mistake()}`, this.#lastLines);
    };
    this.#child.once("error", (error) => over(`could not be started: ${messageOf(error)}`));
    this.#child.once("close", (code, signal) => over(`ended with ${code ?? signal}`));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it without a word about it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#isOver = true;
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => killGroup(this.#child), TERMINATION_MS);
      this.#child.once("close", () => {
        clearTimeout(force);
        resolve();
      });
      killGroup(this.#child, "SIGTERM");
      this.#child.stdin?.destroy();
    });
  }

  #take(line: string, stream: "stdout" | "stderr"): void {
    const listening = /^Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line);
    if (listening !== null) {
      this.#options.onInspector(Number(listening[1]));
      return;
    }
    if (
      this.#options.inspect &&
      /^(For help, see: https:\/\/nodejs|Debugger attached\.|Waiting for the debugger)/.test(line)
    )
      return;
    if (USAGE_BEGINS.test(line)) this.#isUsage = true;
    if (this.#isUsage) {
      this.#isUsage = !USAGE_ENDS.test(line);
      return;
    }
    if (FOREIGN_FRAME.test(line) || STREAM_ENDED.test(line)) return;
    this.#lastLines.push(line);
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      const left = this.#linesInSecond - MAX_LINES_PER_SECOND;
      if (left > 0) this.#options.onLine(`… ${left} more lines`, "stderr");
      this.#second = second;
      this.#linesInSecond = 0;
    }
    this.#linesInSecond += 1;
    if (this.#linesInSecond <= MAX_LINES_PER_SECOND) this.#options.onLine(line, stream);
  }

  /** The error that it died of and where in the contract, as far as its last lines tell. */
  #mistake(): string {
    const error = this.#lastLines.find((line) => /^(Uncaught )?\w*(Error|Exception)\b/.test(line.trim()));
    if (error === undefined) return "";
    const { root } = this.#options.folder;
    const place = this.#lastLines
      .map((line) => PLACE.exec(line))
      .find((found) => found?.[1]?.startsWith(root) === true);
    const where = place ? ` (${path.relative(root, place[1] ?? "")}:${place[2]})` : "";
    return `: ${error.trim()}${where}`;
  }

  #command(): { program: string; args: string[] } {
    const { folder, preload, inspect, modulePath } = this.#options;
    // The address is asked for by fabric-shim; those that count come in the environment.
    const forPeer = ["--peer.address", "127.0.0.1:1"];
    const node = ["--enable-source-maps", ...(inspect ? ["--inspect=127.0.0.1:0"] : []), "--require", preload];
    switch (folder.start.kind) {
      case "shim": {
        const shim = shimProgram(folder.root, modulePath && path.dirname(modulePath));
        return { program: process.execPath, args: [...node, shim, "start", ...folder.start.args, ...forPeer] };
      }
      case "node":
        return { program: process.execPath, args: [...node, ...folder.start.args, ...forPeer] };
      case "npm":
        return { program: "npm", args: ["start", "--", ...forPeer] };
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const { env, folder, name, mspId, peers, preload, modulePath, inspect } = this.#options;
    const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...plain } = env;
    const options = ["--enable-source-maps", `--require ${JSON.stringify(preload)}`];
    if (inspect) options.push("--inspect=127.0.0.1:0");
    return {
      ...plain,
      CORE_CHAINCODE_ID_NAME: name,
      CORE_PEER_TLS_ENABLED: "false",
      CORE_PEER_LOCALMSPID: mspId,
      CORE_CHAINCODE_LOGGING_LEVEL: plain.CORE_CHAINCODE_LOGGING_LEVEL ?? "warning",
      [PEERS_VARIABLE]: JSON.stringify(peers),
      ...(modulePath === undefined ? {} : { NODE_PATH: modulePath }),
      ...(folder.start.kind === "npm" ? { NODE_OPTIONS: options.join(" ") } : {}),
    };
  }
}
