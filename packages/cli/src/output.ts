import type { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";

/** Where a command writes: results to stdout, progress and errors to stderr. */
export type Io = {
  readonly stdout: Pick<WriteStream, "write"> & { readonly isTTY?: boolean };
  readonly stderr: Pick<WriteStream, "write"> & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
};

function isColoured(stream: { readonly isTTY?: boolean }, env: Io["env"]): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Colours where a person reads them: on a terminal, unless NO_COLOR asks for none. */
export type Paint = {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
};

export function paintFor(stream: { readonly isTTY?: boolean }, env: Io["env"]): Paint {
  const coloured = isColoured(stream, env);
  const style = (open: number, close: number) => (text: string) =>
    coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { bold: style(1, 22), dim: style(2, 22), red: style(31, 39), green: style(32, 39) };
}

/** What another program wrote, with its colours only where we write ours. */
export function asShown(written: string, stream: { readonly isTTY?: boolean }, env: Io["env"]): string {
  return isColoured(stream, env) ? written : stripVTControlCharacters(written);
}

/** Rows as columns of equal width, two spaces between them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Commands in our own words as this user types them: with npx where hansa was called so, as it is then on no PATH. */
export function asTyped(words: string, env: Io["env"]): string {
  return env.npm_command === "exec" ? words.replaceAll(/(?<![\w/.@-])hansa (?=[a-z])/g, "npx hansa ") : words;
}

/** As a POSIX shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
