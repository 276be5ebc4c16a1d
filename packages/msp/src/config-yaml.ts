/**
 * Reads config.yaml of an MSP folder: the small part of YAML that this file is written in (nested maps, lists of
 * maps, plain and quoted scalars, comments). Anything else is refused with its line.
 */
import { MspError } from "./error.js";

export type YamlValue = string | YamlValue[] | { [key: string]: YamlValue };

type Line = { indent: number; text: string; number: number };

const MAX_LINES = 10_000;

/** @throws MspError INVALID_CONFIG */
export function parseConfigYaml(source: string): { [key: string]: YamlValue } {
  const lines: Line[] = [];
  source.split(/\r?\n/).forEach((raw, index) => {
    const text = withoutComment(raw).trimEnd();
    if (text.trim() === "" || text.trim() === "---") return;
    const indent = text.length - text.trimStart().length;
    if (text.slice(0, indent).includes("\t")) throw wrong(index + 1, "tabs cannot indent");
    lines.push({ indent, text: text.trim(), number: index + 1 });
  });
  if (lines.length > MAX_LINES) throw wrong(MAX_LINES, "the file is too long");
  const reader = new Reader(lines);
  const value = lines.length === 0 ? {} : reader.block(0);
  reader.expectEnd();
  if (typeof value === "string" || Array.isArray(value)) throw wrong(1, "the file must hold names and values");
  return value;
}

class Reader {
  readonly #lines: Line[];
  #next = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  expectEnd(): void {
    const line = this.#lines[this.#next];
    if (line !== undefined) throw wrong(line.number, "the indentation fits nothing above");
  }

  block(minIndent: number): YamlValue {
    const first = this.#lines[this.#next];
    if (first === undefined || first.indent < minIndent) return "";
    return first.text.startsWith("- ") || first.text === "-" ? this.#list(first.indent) : this.#map(first.indent);
  }

  /** What belongs to a name at `indent`. A list may begin in the same column. */
  #below(indent: number): YamlValue {
    const next = this.#lines[this.#next];
    return next?.indent === indent && next.text.startsWith("-") ? this.#list(indent) : this.block(indent + 1);
  }

  #list(indent: number): YamlValue[] {
    const items: YamlValue[] = [];
    for (
      let line = this.#lines[this.#next];
      line?.indent === indent && line.text.startsWith("-");
      line = this.#lines[this.#next]
    ) {
      const rest = line.text.slice(1);
      const shift = 1 + rest.length - rest.trimStart().length;
      // The rest of the line is the first entry of a block that begins where its text begins.
      this.#lines[this.#next] = { indent: indent + shift, text: rest.trim(), number: line.number };
      if (rest.trim() === "") this.#next++;
      items.push(this.block(indent + 1));
    }
    return items;
  }

  #map(indent: number): { [key: string]: YamlValue } {
    const map: { [key: string]: YamlValue } = {};
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      const match = /^([A-Za-z][A-Za-z0-9_]*)\s*:(?:\s+(.*))?$/.exec(line.text);
      if (match === null) throw wrong(line.number, `"${line.text}" is not "name: value"`);
      this.#next++;
      const [, name = "", scalar = ""] = match;
      if (name in map) throw wrong(line.number, `"${name}" stands there twice`);
      map[name] = scalar === "" ? this.#below(indent) : unquoted(scalar, line.number);
    }
    return map;
  }
}

function unquoted(text: string, line: number): string {
  const match = /^"([^"\\]*)"$|^'([^']*)'$/.exec(text);
  if (match !== null) return match[1] ?? match[2] ?? "";
  if (/^[&*!|>{["'%@`]/.test(text)) throw wrong(line, `"${text}" uses YAML that is not understood here`);
  return text;
}

function withoutComment(line: string): string {
  return line.replace(/(^|\s)#.*$/, "");
}

function wrong(line: number, fact: string): MspError {
  return new MspError("INVALID_CONFIG", `config.yaml line ${line}: ${fact}`);
}
