/**
 * The little of multipart/form-data that channel participation needs: parts in memory, told apart by name and by
 * whether they are files. What is taken, and the words about what is not, are those of Go's reader.
 * Source: RFC 7578 and RFC 2046, section 5.1; golang.org, mime/mediatype.go and mime/multipart.
 */
export type FormPart = { readonly name: string; readonly isFile: boolean; readonly content: Uint8Array };

export type MediaType = { readonly type: string; readonly parameters: ReadonlyMap<string, string> };

const MAX_PARTS = 100;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const PARAMETER = new RegExp(`^\\s*;\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\\\r\\n]|\\\\.)*)"|(${TOKEN}))`);

/** A header such as Content-Type with its parameters, whose names are lower-cased; or a sentence about what is wrong. */
export function readMediaType(header: string): MediaType | string {
  const [base = ""] = header.split(";", 1);
  const type = base.trim().toLowerCase();
  const [, first, slash, second, more] = new RegExp(`^(${TOKEN})?(/)?(${TOKEN})?(.*)$`, "s").exec(type) ?? [];
  if (first === undefined) return "mime: no media type";
  if (type !== first) {
    if (slash === undefined) return "mime: expected slash after first token";
    if (second === undefined) return "mime: expected token after slash";
    if (more !== "") return "mime: unexpected content after media subtype";
  }
  const parameters = new Map<string, string>();
  for (let rest = header.slice(base.length); rest.trim() !== ""; ) {
    const match = PARAMETER.exec(rest);
    if (match === null) return rest.trim() === ";" ? { type, parameters } : "mime: invalid media parameter";
    const name = match[1]!.toLowerCase();
    if (parameters.has(name)) return "mime: duplicate parameter name";
    parameters.set(name, match[3] ?? match[2]!.replace(/\\(.)/g, "$1"));
    rest = rest.slice(match[0].length);
  }
  return { type, parameters };
}

/** The parts in order, or a sentence about what is wrong. A part whose headers are cut short ends the form. */
export function parseForm(body: Buffer, boundary: string): FormPart[] | string {
  const parts: FormPart[] = [];
  const lines = new Lines(body);
  let lineEnd: string | undefined;
  for (;;) {
    const line = lines.next();
    const kind = line === undefined ? undefined : boundaryLine(line, boundary);
    if (kind === "last") return parts;
    if (line === undefined || !line.endsWith("\n")) return "multipart: NextPart: EOF";
    if (kind === undefined) {
      if (lineEnd === undefined) continue;
      return `multipart: expecting a new Part; got line ${JSON.stringify(line)}`;
    }
    if (parts.length === MAX_PARTS) return "multipart: message too large";
    lineEnd ??= line.endsWith("\r\n") ? "\r\n" : "\n";
    const headers = readHeaders(lines);
    if (headers === undefined) return parts;
    if (typeof headers === "string") return headers;
    const end = endOfContent(body, lines.at, lineEnd, boundary);
    if (end === undefined) return "unexpected EOF";
    const disposition = readMediaType(headers.get("content-disposition") ?? "");
    const { type, parameters } = typeof disposition === "string" ? { type: "", parameters: new Map() } : disposition;
    const name: string | undefined = parameters.get("name");
    if (type === "form-data" && name) {
      const isFile = Boolean(parameters.get("filename") ?? parameters.get("filename*"));
      parts.push({ name, isFile, content: body.subarray(lines.at, end.content) });
    }
    lines.at = end.boundary;
  }
}

class Lines {
  at = 0;
  readonly #body: Buffer;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** With its line end; without one only the last. Undefined when all are read. */
  next(): string | undefined {
    if (this.at === this.#body.length) return undefined;
    const end = this.#body.indexOf("\n", this.at);
    const line = this.#body.subarray(this.at, end < 0 ? this.#body.length : end + 1);
    this.at += line.length;
    return line.toString("utf8");
  }
}

function boundaryLine(line: string, boundary: string): "next" | "last" | undefined {
  if (!line.startsWith(`--${boundary}`)) return undefined;
  const rest = line.slice(boundary.length + 2).trim();
  return rest === "" ? "next" : rest === "--" ? "last" : undefined;
}

/** By lower-cased name, the first of each; undefined when the form ends among them. */
function readHeaders(lines: Lines): Map<string, string> | string | undefined {
  const folded: string[] = [];
  for (;;) {
    const line = lines.next();
    if (line === undefined) return undefined;
    const text = line.replace(/\r?\n$/, "");
    if (text === "" && line !== text) break;
    if (/^[ \t]/.test(text) && folded.length > 0) folded.push(`${folded.pop()} ${text.trim()}`);
    else folded.push(text);
  }
  const headers = new Map<string, string>();
  for (const line of folded) {
    const colon = line.indexOf(":");
    if (colon < 0) return `malformed MIME header: missing colon: ${JSON.stringify(line)}`;
    const name = line.slice(0, colon).toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

/** Where a part's content ends and the next boundary begins; an empty part's boundary may follow its headers at once. */
function endOfContent(body: Buffer, start: number, lineEnd: string, boundary: string) {
  const delimiter = Buffer.from(`${lineEnd}--${boundary}`);
  const endsHere = (after: number) => after === body.length || " \t\r\n-".includes(String.fromCharCode(body[after]!));
  const first = delimiter.subarray(lineEnd.length);
  if (body.subarray(start, start + first.length).equals(first) && endsHere(start + first.length))
    return { content: start, boundary: start };
  for (let at = body.indexOf(delimiter, start); at >= 0; at = body.indexOf(delimiter, at + 1))
    if (endsHere(at + delimiter.length)) return { content: at, boundary: at + lineEnd.length };
  return undefined;
}
