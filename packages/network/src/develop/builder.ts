/**
 * Builds a contract again for each change. TypeScript is compiled by the contract's own compiler in its watch mode,
 * so that what runs is what `npm run build` makes, decorators and their metadata included.
 *
 * Type errors do not stand in the way: what the compiler writes in spite of them runs, as it does for `tsc` itself. Who
 * wants them to sets noEmitOnError in tsconfig.json; then nothing is written, and the version before goes on running.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { ContractFolder } from "./contract-folder.js";
import { FolderWatch } from "./folder-watch.js";

/** Where a compiler found something. File is as the compiler names it, below the contract's folder. */
export type BuildProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

export type BuildResult = {
  /** When the first of the changes was seen that led to it, by performance.now(). */
  readonly changedAt: number;
  readonly buildMs: number;
  /** False when nothing came of it: what ran before is still the newest. */
  readonly isNew: boolean;
  readonly problems: readonly BuildProblem[];
  /** What the build printed, where it names no places. */
  readonly output: string;
};

export type BuilderOptions = {
  readonly folder: ContractFolder;
  readonly onBuilt: (result: BuildResult) => void;
};

/** Saving several files at once is one change. */
const SETTLE_MS = 40;
const KEPT_OUTPUT_CHARS = 16_384;
const MAX_PROBLEMS = 100;
const NOT_SOURCE = new Set(["node_modules", ".git", ".hansa", "coverage", ".vscode", ".idea"]);
const RUN_AS_THEY_ARE = /\.(c|m)?js$|\.json$|\.wasm$|\.node$/;
const SOURCES = /\.(c|m)?[jt]sx?$|\.json$/;
const COMPILED = /\.(c|m)?tsx?$/;

/**
 * Runs the compiler, and ends it when the one who wants it is gone: it does not look after that itself, and may be a
 * native program behind a script. @see https://nodejs.org/api/child_process.html on stdio
 */
const KEEPER = `
const { spawn } = require("node:child_process");
const child = spawn(process.execPath, process.argv.slice(1), { stdio: ["ignore", "inherit", "inherit"], detached: true });
const end = () => { try { process.kill(-child.pid, "SIGKILL"); } catch {} process.exit(0); };
process.stdin.on("end", end).on("error", end).resume();
process.on("SIGTERM", end);
process.on("SIGINT", () => {});
child.on("exit", (code) => process.exit(code ?? 1));
`;

export class ContractBuilder {
  readonly #options: BuilderOptions;
  readonly #watch: FolderWatch;
  #compiler: ChildProcess | undefined;
  #script: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #changedAt: number | undefined;
  #newestBuilt = 0;
  #isClosed = false;

  constructor(options: BuilderOptions) {
    this.#options = options;
    const { root } = options.folder;
    const outputs = this.#outputFolder();
    this.#watch = new FolderWatch(root, {
      enters: (folder) => !NOT_SOURCE.has(path.posix.basename(folder)) && folder !== outputs,
      onChange: (file) => this.#changed(file),
    });
  }

  /** The first result is that of a first build, also when nothing needed to be built. */
  start(): void {
    this.#changedAt = performance.now();
    const { build } = this.#options.folder;
    if (build.kind === "tsc") this.#compile(build.program, build.args);
    else this.#settled();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watch.close();
    this.#compiler?.stdin?.destroy();
    this.#compiler?.kill("SIGTERM");
    if (this.#script !== undefined) killGroup(this.#script);
  }

  #outputFolder(): string | undefined {
    const { build, main } = this.#options.folder;
    const folder = path.posix.dirname(main);
    return build.kind === "none" || folder === "." ? undefined : folder.split("/")[0];
  }

  #changed(file: string): void {
    const { build } = this.#options.folder;
    if (!(build.kind === "none" ? RUN_AS_THEY_ARE : SOURCES).test(file)) return;
    this.#changedAt ??= performance.now();
    // The compiler sees its own sources by itself, and says when it is done.
    if (build.kind === "tsc" && (COMPILED.test(file) || path.posix.basename(file).startsWith("tsconfig"))) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settled(), SETTLE_MS);
  }

  #settled(): void {
    if (this.#isClosed) return;
    if (this.#options.folder.build.kind === "script") this.#runScript();
    else this.#done(0, true, []);
  }

  #done(buildMs: number, isNew: boolean, problems: readonly BuildProblem[], output = ""): void {
    if (this.#isClosed) return;
    const changedAt = this.#changedAt ?? performance.now() - buildMs;
    this.#changedAt = undefined;
    this.#options.onBuilt({ changedAt, buildMs, isNew, problems, output });
  }

  #compile(program: string, args: readonly string[]): void {
    const { root } = this.#options.folder;
    const compiler = spawn(
      process.execPath,
      ["-e", KEEPER, "--", program, ...args, "--watch", "--preserveWatchOutput", "--pretty", "false"],
      { cwd: root, stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#compiler = compiler;
    compiler.stdin?.on("error", () => {});
    let problems: BuildProblem[] = [];
    let other = "";
    let startedAt = performance.now();
    const take = (line: string) => {
      const problem = readProblem(line);
      if (problem !== undefined) {
        if (problems.length < MAX_PROBLEMS) problems.push(problem);
        return;
      }
      if (/Starting (incremental )?compilation/.test(line)) {
        startedAt = performance.now();
        // A compilation that was begun by what this watch does not see, such as a change of the compiler's own files.
        this.#changedAt ??= startedAt;
      } else if (/Found \d+ errors?\./.test(line)) {
        const newest = newestIn(path.join(root, path.dirname(this.#options.folder.main)));
        const isNew = newest > this.#newestBuilt;
        this.#newestBuilt = Math.max(newest, this.#newestBuilt);
        this.#done(performance.now() - startedAt, isNew, problems, other.trim());
        problems = [];
        other = "";
      } else if (line.trim() !== "" && !/^\d{1,2}:\d\d:\d\d.*- *$/.test(line)) {
        other = `${other}${line}\n`.slice(-KEPT_OUTPUT_CHARS);
      }
    };
    eachLine(compiler, take);
    compiler.once("error", (error) => this.#done(0, false, [], `the compiler cannot be started: ${error.message}`));
    compiler.once("close", (code) =>
      this.#done(0, false, problems, `the compiler ended with ${code}\n${other}`.trim()),
    );
  }

  #runScript(): void {
    // A change while the script runs: the run that is under way saw it or not; another one settles that.
    if (this.#script !== undefined) {
      this.#timer = setTimeout(() => this.#settled(), SETTLE_MS);
      return;
    }
    const startedAt = performance.now();
    const script = spawn("npm", ["run", "--silent", "build"], {
      cwd: this.#options.folder.root,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#script = script;
    const problems: BuildProblem[] = [];
    let output = "";
    eachLine(script, (line) => {
      output = `${output}${line}\n`.slice(-KEPT_OUTPUT_CHARS);
      const problem = readProblem(line);
      if (problem !== undefined && problems.length < MAX_PROBLEMS) problems.push(problem);
    });
    const end = (isNew: boolean, text: string) => {
      if (this.#script !== script) return;
      this.#script = undefined;
      this.#done(performance.now() - startedAt, isNew, problems, text);
    };
    script.once("error", (error) => end(false, `npm cannot be started: ${error.message}`));
    script.once("close", (code) => end(code === 0, code === 0 ? "" : output.trim()));
  }
}

/** One line of a compiler that names a place: `src/a.ts(3,5): error TS2322: …` or `src/a.ts:3:5: error: …`. */
export function readProblem(line: string): BuildProblem | undefined {
  const found =
    /^(.+?)\((\d+),(\d+)\): error (.+)$/.exec(line) ??
    /^(?:.{0,3}\s)?([^\s:()]+\.[cm]?[jt]sx?):(\d+):(\d+)\s*[:-]\s*error:?\s*(.+)$/.exec(line);
  if (found === null) return undefined;
  const [, file = "", row, column, message = ""] = found;
  return { file, line: Number(row), column: Number(column), message };
}

export function eachLine(child: ChildProcess, take: (line: string, stream: "stdout" | "stderr") => void): void {
  for (const name of ["stdout", "stderr"] as const) {
    let rest = "";
    child[name]?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("utf8")).split("\n");
      rest = (lines.pop() ?? "").slice(-KEPT_OUTPUT_CHARS);
      for (const line of lines) take(line.replace(/\r$/, ""), name);
    });
    child[name]?.once("end", () => {
      if (rest !== "") take(rest, name);
    });
  }
}

export function killGroup(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}

/** Modification time of the newest script below a folder; 0 without any. */
function newestIn(folder: string): number {
  let newest = 0;
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return 0;
  }
  for (const entry of entries) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!NOT_SOURCE.has(entry.name)) newest = Math.max(newest, newestIn(place));
    } else if (/\.(c|m)?js$/.test(entry.name)) {
      newest = Math.max(newest, statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    }
  }
  return newest;
}
