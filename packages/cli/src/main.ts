import { didYouMean, InvalidTransaction } from "@hansa/network";
import { HansaError, messageOf } from "@hansa/primitives";
import type { Command } from "./command.js";
import { COMMANDS, GROUPS } from "./commands.js";
import { exitOf } from "./exit-codes.js";
import { COMMON_OPTIONS, type OptionDefinition, readOptions } from "./options.js";
import { type Io, paintFor, table } from "./output.js";

/** Runs one command line. Prints results to stdout, progress and errors to stderr; returns the exit code. */
export async function main(argv: readonly string[], io: Io, interrupted: AbortSignal): Promise<number> {
  const json = argv.includes("--json");
  try {
    return await run(argv, io, interrupted);
  } catch (error) {
    report(error, json, io);
    const code = error instanceof HansaError ? error.code : "UNEXPECTED";
    return findCommand(argv)?.command.failsWith ?? exitOf(code);
  }
}

async function run(argv: readonly string[], io: Io, interrupted: AbortSignal): Promise<number> {
  if (argv[0] === "--version" || argv[0] === "-v") {
    io.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const first = argv[0];
  if (first === undefined || first === "help" || first === "--help" || first === "-h") {
    const asked = first === "help" ? findCommand(argv.slice(1)) : undefined;
    io.stdout.write(asked === undefined ? overview() : explain(asked.command));
    return 0;
  }
  const found = findCommand(argv);
  if (found === undefined) throw unknownCommand(argv);
  const { command, rest } = found;
  const options = readOptions(rest, command.options ?? {}, command.name);
  if (options.flag("help")) {
    io.stdout.write(explain(command));
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
  const result = await command.run({
    options,
    io,
    interrupted,
    paint: paintFor(io.stdout, io.env),
    progress: (line) => void (json || io.stderr.write(`${error.dim(line)}\n`)),
  });
  if (result !== undefined) io.stdout.write(json ? `${JSON.stringify(result.data, undefined, 2)}\n` : result.text);
  return 0;
}

export const VERSION = "0.1.0";

/** One sentence of fact, one of next step. A stack only when a developer asks for it with HANSA_DEBUG. */
function report(error: unknown, json: boolean, io: Io): void {
  const known = error instanceof HansaError;
  const code = known ? error.code : "UNEXPECTED";
  const advice = known ? error.nextStep : "This is a mistake in Hansa. Run it again with HANSA_DEBUG=1 for details.";
  const nextStep = advice === undefined ? undefined : advice.replace(/^[a-z]/, (letter) => letter.toUpperCase());
  const message = messageOf(error);
  if (json) {
    const explanation = error instanceof InvalidTransaction ? error.explanation : undefined;
    const failure = { error: { code, exit: exitOf(code), message, nextStep, explanation } };
    io.stdout.write(`${JSON.stringify(failure, undefined, 2)}\n`);
  } else {
    const paint = paintFor(io.stderr, io.env);
    io.stderr.write(`${paint.red(message)}\n${nextStep === undefined ? "" : `${nextStep}\n`}`);
  }
  if (io.env.HANSA_DEBUG === "1" && error instanceof Error) io.stderr.write(`${error.stack}\n`);
}

function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    if (words.every((word, index) => argv[index] === word)) return { command, rest: argv.slice(words.length) };
  }
  return undefined;
}

function unknownCommand(argv: readonly string[]): HansaError {
  const words = argv.filter((word) => !word.startsWith("-")).slice(0, 2);
  const names = COMMANDS.map((command) => command.name);
  const group = names.filter((name) => name.startsWith(`${words[0]} `));
  if (group.length > 0)
    return new HansaError("USAGE", `hansa ${words.join(" ")} is no command.`, {
      nextStep: `Use: hansa ${group.join(", hansa ")}`,
    });
  const given = words[0] ?? argv[0]!;
  return new HansaError("USAGE", `hansa has no command "${given}".${didYouMean(given, names)}`, {
    nextStep: "See: hansa help",
  });
}

function overview(): string {
  const row = (command: Command) => [`  hansa ${command.name} ${command.usage}`, command.summary];
  const width = Math.max(...COMMANDS.map((command) => row(command)[0]!.length));
  const groups = GROUPS.map(({ title, commands }) => {
    const rows = commands.map(row).map(([call, summary]) => [call!.padEnd(width), summary!]);
    return `${title}\n${table(rows)}\n`;
  });
  return [
    "Run a managed blockchain network on your own machine, and work with it.\n\n",
    ...groups,
    "Every command takes --json, --network, --dir and --help.\n",
    "Start with: hansa up\n",
  ].join("");
}

function explain(command: Command): string {
  const option = ([name, { short, value, about }]: [string, OptionDefinition]) => [
    `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`,
    about,
  ];
  const options = table([...Object.entries(command.options ?? {}), ...Object.entries(COMMON_OPTIONS)].map(option));
  const details = command.details === undefined ? "" : `\n${command.details}\n`;
  const examples = command.examples.map((line) => `  ${line}\n`).join("");
  return `${command.summary}\n\nhansa ${command.name} ${command.usage}\n${details}\n${options}\nExamples:\n${examples}`;
}
