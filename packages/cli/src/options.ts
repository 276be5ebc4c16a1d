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
      args: argv.map((word) => {
        const alone = word.startsWith("--") ? definitions[word.slice(2)]?.alone : undefined;
        return alone === undefined ? word : `${word}=${alone}`;
      }),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(definitions).map(([name, { type, short }]) => [
          name,
          short === undefined ? { type } : { type, short },
        ]),
      ),
    });
    return {
      positionals,
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
    if (code?.startsWith("ERR_PARSE_ARGS_") === true) throw usage(`${message.split(". ")[0]}.`);
    throw error;
  }
}

/** @throws HansaError USAGE */
export function wholeNumber(options: Options, name: string, otherwise: number): number {
  const text = options.text(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new HansaError("USAGE", `--${name} is "${text}"; expected a whole number.`);
}
