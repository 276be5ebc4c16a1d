import { parseArgs } from "node:util";
import { didYouMean } from "@hansa/network";
import { HansaError } from "@hansa/primitives";

export type OptionDefinition = {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly value?: string;
  readonly about: string;
  /** What the option means without a value, where it may stand so. */
  readonly alone?: string;
  /** Its name in earlier releases, which scripts may still use; no help shows it. */
  readonly formerly?: string;
};

/** Options that every command takes. */
export const COMMON_OPTIONS = {
  network: { type: "string", short: "n", value: "name", about: "the network, when there are several under .hansa" },
  dir: { type: "string", value: "folder", about: "the folder that holds networks' data; .hansa unless given" },
  json: { type: "boolean", about: "print the result as JSON" },
  help: { type: "boolean", short: "h", about: "explain the command" },
} as const satisfies Record<string, OptionDefinition>;

export type Options = {
  readonly positionals: readonly string[];
  text(name: string): string | undefined;
  flag(name: string): boolean;
};

/** @throws HansaError USAGE */
export function readOptions(
  argv: readonly string[],
  own: Readonly<Record<string, OptionDefinition>>,
  command: string,
): Options {
  const definitions: Record<string, OptionDefinition> = { ...own, ...COMMON_OPTIONS };
  const usage = (fact: string) => new HansaError("USAGE", fact, { nextStep: `See: hansa ${command} --help` });
  try {
    const { values, positionals } = parseArgs({
      args: unambiguous(argv, definitions),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(definitions).map(([name, { type, short }]) => [
          name,
          short === undefined ? { type } : { type, short },
        ]),
      ),
    });
    return {
      positionals: positionals.map((word) => (word.startsWith(PLAIN) ? word.slice(1) : word)),
      text: (name) => (typeof values[name] === "string" ? (values[name] as string) : undefined),
      flag: (name) => values[name] === true,
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const given = /'(-[^']*?)(?: <value>)?'/.exec(message)?.[1] ?? "";
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
      const guess = didYouMean(given.replace(/^-+/, ""), Object.keys(definitions)).replace(/"(.*)"/, '"--$1"');
      throw usage(`hansa ${command} has no option ${given}.${guess}`);
    }
    const option = /'(?:-\w, )?(--[\w-]+)/.exec(message)?.[1];
    if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE" && option !== undefined) {
      const { value } = definitions[option.slice(2)] ?? {};
      throw usage(`hansa ${command} ${option} takes ${value === undefined ? "no value" : `a value, <${value}>`}.`);
    }
    if (code?.startsWith("ERR_PARSE_ARGS_") === true) throw usage(`${message.split(". ")[0]}.`);
    throw error;
  }
}

/** Before an argument that begins with a dash and is none of our options. No word of a command line holds this sign. */
const PLAIN = "\0";

/**
 * The words as parseArgs takes them without doubt. No option begins with a digit, so -5 is an argument, or the value of
 * the option before it; an option that may stand alone gets the value that it then means.
 */
function unambiguous(argv: readonly string[], definitions: Readonly<Record<string, OptionDefinition>>): string[] {
  const words: string[] = [];
  const end = argv.indexOf("--") === -1 ? argv.length : argv.indexOf("--");
  for (const given of argv.slice(0, end)) {
    const word = asNamedNow(given, definitions);
    const before = words.at(-1) ?? "";
    const takesValue =
      /^--?[a-z]/i.test(before) &&
      Object.entries(definitions).some(
        ([name, { short, type }]) => type === "string" && (before === `--${name}` || before === `-${short}`),
      );
    const alone = word.startsWith("--") ? definitions[word.slice(2)]?.alone : undefined;
    if (!/^-\d/.test(word)) words.push(alone === undefined ? word : `${word}=${alone}`);
    else if (takesValue) words.push(`${words.pop()}${before.startsWith("--") ? "=" : ""}${word}`);
    else words.push(`${PLAIN}${word}`);
  }
  return [...words, ...argv.slice(end)];
}

/** The word, with the name that its option has by now. */
function asNamedNow(word: string, definitions: Readonly<Record<string, OptionDefinition>>): string {
  const [, name, rest = ""] = /^--([\w-]+)(=.*)?$/s.exec(word) ?? [];
  if (name === undefined || definitions[name] !== undefined) return word;
  const current = Object.keys(definitions).find((each) => definitions[each]?.formerly === name);
  return current === undefined ? word : `--${current}${rest}`;
}

/** @throws HansaError USAGE */
export function wholeNumber(options: Options, name: string, otherwise: number): number {
  const text = options.text(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HansaError("USAGE", `--${name} is "${text}"; expected a whole number.`);
}
