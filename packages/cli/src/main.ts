import { asFileFailure, InvalidTransaction } from "@hansa/network";
import { HansaError, messageOf } from "@hansa/primitives";
import { adviceFor, exitOf } from "./exit-codes.js";
import { findCommand, help, unknownCommand } from "./help.js";
import { unlessInterrupted } from "./interruption.js";
import { readOptions } from "./options.js";
import { asTyped, type Io, paintFor } from "./output.js";

/** Runs one command line. Prints results to stdout, progress and errors to stderr; returns the exit code. */
export async function main(argv: readonly string[], io: Io, interrupted: AbortSignal): Promise<number> {
  try {
    return await run(argv, io, interrupted);
  } catch (error) {
    return report(error, argv, io);
  }
}

async function run(argv: readonly string[], io: Io, interrupted: AbortSignal): Promise<number> {
  if (argv[0] === "--version" || argv[0] === "-v") {
    io.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const first = argv[0];
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    io.stdout.write(asTyped(help(argv.slice(1).filter((word) => !word.startsWith("-"))), io.env));
    return 0;
  }
  const found = findCommand(argv);
  if (found === undefined) {
    if (!argv.includes("--help") && !argv.includes("-h")) throw unknownCommand(argv);
    io.stdout.write(asTyped(help(argv.filter((word) => !word.startsWith("-"))), io.env));
    return 0;
  }
  const { command, rest } = found;
  const options = readOptions(rest, command.options ?? {}, command.name);
  if (options.flag("help")) {
    io.stdout.write(asTyped(help(command.name.split(" ")), io.env));
    return 0;
  }
  const { min, max } = command.positionals;
  const count = options.positionals.length;
  if (count < min || count > max)
    throw new HansaError("USAGE", `hansa ${command.name} takes ${command.usage || "no arguments"}; ${count} given.`, {
      nextStep: `See: hansa ${command.name} --help`,
    });
  const json = options.flag("json");
  const error = paintFor(io.stderr, io.env);
  const running = command.run({
    options,
    io,
    interrupted,
    paint: paintFor(io.stdout, io.env),
    progress: (line) => void (json || io.stderr.write(`${error.dim(line)}\n`)),
  });
  const result = await (command.endsTidily ? running : unlessInterrupted(running, command.name, interrupted));
  if (result !== undefined) io.stdout.write(json ? `${JSON.stringify(result.data, undefined, 2)}\n` : result.text);
  return 0;
}

export const VERSION = "0.1.0";

/** One sentence of fact, one of next step. A stack only when a developer asks for it with HANSA_DEBUG. */
function report(thrown: unknown, argv: readonly string[], io: Io): number {
  const error = asFileFailure(thrown) ?? thrown;
  const command = findCommand(argv)?.command;
  const code = error instanceof HansaError ? error.code : "UNEXPECTED";
  const exit = command?.failsWith ?? exitOf(code);
  const usage = code === "USAGE" && command !== undefined ? `See: hansa ${command.name} --help` : undefined;
  const advice = (error instanceof HansaError ? error.nextStep : undefined) ?? usage ?? adviceFor(code);
  const nextStep = asTyped(advice, io.env).replace(/^[a-z]/, (letter) => letter.toUpperCase());
  const message = messageOf(error);
  if (argv.includes("--json")) {
    const explanation = error instanceof InvalidTransaction ? error.explanation : undefined;
    io.stdout.write(`${JSON.stringify({ error: { code, exit, message, nextStep, explanation } }, undefined, 2)}\n`);
  } else {
    const paint = paintFor(io.stderr, io.env);
    io.stderr.write(`${paint.red(message)}\n${nextStep}\n`);
  }
  if (io.env.HANSA_DEBUG === "1" && error instanceof Error) io.stderr.write(`${error.stack}\n`);
  return exit;
}
