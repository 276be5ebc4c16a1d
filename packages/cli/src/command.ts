import type { OptionDefinition, Options } from "./options.js";
import type { Io, Paint } from "./output.js";

/** What a command gives back: data for `--json`, and the same as text for a person. */
export type Result = { readonly data: unknown; readonly text: string };

export type Call = {
  readonly options: Options;
  readonly io: Io;
  /** Colours for stdout. */
  readonly paint: Paint;
  /** One line of progress, for a person, on stderr. */
  progress(line: string): void;
  /** Resolves when the user wants to stop what is going on (Ctrl-C). */
  readonly interrupted: AbortSignal;
};

export type Command = {
  /** As typed, e.g. "contract deploy". */
  readonly name: string;
  readonly summary: string;
  /** What follows the name, e.g. "<member> [network-file]". */
  readonly usage: string;
  readonly details?: string;
  readonly options?: Readonly<Record<string, OptionDefinition>>;
  readonly positionals: { readonly min: number; readonly max: number };
  readonly examples: readonly string[];
  /** The exit code of every failure, where scripts know it from one of Fabric's own programs. */
  readonly failsWith?: number;
  /** Ends by itself, tidily, once `interrupted` aborts. Any other command is left as it stands then. */
  readonly endsTidily?: true;
  /** Undefined when it has printed everything itself. */
  run(call: Call): Promise<Result | undefined>;
};
