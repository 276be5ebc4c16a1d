/**
 * Runs one build command to its end: bounded time, bounded output, no inherited secrets.
 * The command leads its own process group, so a time-out ends npm and whatever npm started.
 */
import { spawn } from "node:child_process";
import { HansaError } from "@hansa/primitives";

export type CommandOptions = {
  readonly cwd: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
};

export class CommandError extends HansaError {
  override readonly name = "CommandError";
  /** What the command printed: its beginning, where compilers say what is wrong first, and its end. */
  readonly output: string;

  constructor(message: string, output: string, cause?: unknown) {
    super("COMMAND_FAILED", message, cause === undefined ? {} : { cause });
    this.output = output;
  }
}

const KEPT_AT_BEGINNING_CHARS = 4_096;
const KEPT_AT_END_CHARS = 4_096;

/** Variables that node and npm need; the peer's own environment stays with the peer. */
const PASSED_VARIABLES = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TMPDIR",
  "TZ",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_REGISTRY",
  "npm_config_registry",
  "NPM_CONFIG_USERCONFIG",
  "npm_config_userconfig",
  "npm_config_cache",
  "NPM_CONFIG_CACHE",
] as const;

export function plainEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of PASSED_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** Resolves with what the command printed, as far as it is kept. @throws CommandError */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const line = [program, ...args].join(" ");
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: plainEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let beginning = "";
    let rest = "";
    let restChars = 0;
    const keep = (chunk: Buffer) => {
      const text = chunk.toString("utf8");
      const room = KEPT_AT_BEGINNING_CHARS - beginning.length;
      beginning += text.slice(0, room);
      const more = text.slice(room);
      restChars += more.length;
      rest = (rest + more).slice(-KEPT_AT_END_CHARS);
    };
    const printed = () => `${beginning}${restChars > rest.length ? "\n…\n" : ""}${rest}`.trim();
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);

    let ended: string | undefined;
    const end = (why: string) => {
      ended = why;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(() => end(`took longer than ${options.timeoutMs} ms`), options.timeoutMs);
    const abort = () => end("was stopped");
    options.signal?.addEventListener("abort", abort, { once: true });
    const finish = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    };
    child.once("error", (cause) => {
      finish();
      reject(new CommandError(`could not run "${line}": ${cause.message}`, printed(), cause));
    });
    child.once("close", (code, signal) => {
      finish();
      if (code === 0 && ended === undefined) resolve(printed());
      else reject(new CommandError(`"${line}" ${ended ?? `ended with ${code ?? signal}`}`, printed()));
    });
    if (options.signal?.aborted) abort();
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
}
