import { didYouMean } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Command } from "./command.js";
import { COMMANDS, GROUPS } from "./commands.js";
import { COMMON_OPTIONS, type OptionDefinition } from "./options.js";
import { table } from "./output.js";

/** The command that a command line begins with, and the words after it. */
export function findCommand(
  argv: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } | undefined {
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    if (words.every((word, index) => argv[index] === word)) return { command, rest: argv.slice(words.length) };
  }
  return undefined;
}

/**
 * Help on what the words name: a command, the commands that begin with them, or, without words, all commands.
 * @throws HansaError USAGE when no command begins so
 */
export function help(words: readonly string[]): string {
  if (words.length === 0) return overview();
  const found = findCommand(words);
  if (found !== undefined) return explain(found.command);
  const group = beginningWith(words.join(" "));
  if (group.length === 0) throw unknownCommand(words);
  return `${table(rowsOf(group))}\nSee: hansa help ${group[0]!.name}\n`;
}

/** How a command is called: its name and what follows. */
export function callOf({ name, usage }: Command): string {
  return `hansa ${name} ${usage}`.trimEnd();
}

export function unknownCommand(argv: readonly string[]): HansaError {
  const words = argv.filter((word) => !word.startsWith("-")).slice(0, 3);
  const names = COMMANDS.map((command) => command.name);
  const given = words[0] ?? argv[0]!;
  const known = words.filter((_, index) => beginningWith(words.slice(0, index + 1).join(" ")).length > 0);
  if (known.length === 0)
    return new HansaError("USAGE", `hansa has no command "${given}".${didYouMean(given, names)}`, {
      nextStep: "See: hansa help",
    });
  const group = beginningWith(known.join(" ")).map(({ name }) => name);
  const [tried, guess] = [
    words.slice(0, known.length + 1).join(" "),
    didYouMean(words.slice(0, known.length + 1).join(" "), group),
  ];
  return new HansaError("USAGE", `hansa ${tried} is no command.${guess}`, {
    nextStep: `Use: hansa ${group.join(", hansa ")}`,
  });
}

function beginningWith(words: string): Command[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${words} `));
}

function overview(): string {
  const groups = GROUPS.map(({ title, commands }) => `${title}\n${table(rowsOf(commands))}\n`);
  return [
    "Run a managed blockchain network on your own machine, and work with it.\n\n",
    ...groups,
    "Every command takes --json, --network, --dir and --help.\n",
    "Start with: hansa up\n",
  ].join("");
}

function rowsOf(commands: readonly Command[]): string[][] {
  return commands.map((command) => [`  ${callOf(command)}`, command.summary]);
}

function explain(command: Command): string {
  const option = ([name, { short, value, about }]: [string, OptionDefinition]) => [
    `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`,
    about,
  ];
  const options = table([...Object.entries(command.options ?? {}), ...Object.entries(COMMON_OPTIONS)].map(option));
  const details = command.details === undefined ? "" : `\n${command.details}\n`;
  const examples = command.examples.map((line) => `  ${line}\n`).join("");
  return `${command.summary}\n\n${callOf(command)}\n${details}\n${options}\nExamples:\n${examples}`;
}
