/**
 * The little of multipart/form-data that channel participation needs: parts in memory, told apart by name and by
 * whether they are files. Source: RFC 7578 and RFC 2046, section 5.1.
 */
export type FormPart = { readonly name: string; readonly isFile: boolean; readonly content: Uint8Array };

const CRLF = "\r\n";
const MAX_PARTS = 100;

/** The boundary named in a Content-Type header; undefined when there is none. */
export function boundaryOf(contentType: string): string | undefined {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/** The parts in order, or a sentence about what is wrong. */
export function parseForm(body: Buffer, boundary: string): FormPart[] | string {
  const delimiter = Buffer.from(`${CRLF}--${boundary}`, "latin1");
  const start = Buffer.from(`--${boundary}`, "latin1");
  let at = body.subarray(0, start.length).equals(start) ? start.length : -1;
  if (at < 0) {
    const found = body.indexOf(delimiter);
    if (found < 0) return "multipart: NextPart: EOF";
    at = found + delimiter.length;
  }
  const parts: FormPart[] = [];
  for (;;) {
    if (body.subarray(at, at + 2).toString("latin1") === "--") return parts;
    if (parts.length === MAX_PARTS) return "multipart: message too large";
    const lineEnd = body.indexOf(CRLF, at, "latin1");
    const headersEnd = lineEnd < 0 ? -1 : body.indexOf(`${CRLF}${CRLF}`, lineEnd, "latin1");
    if (headersEnd < 0) return "multipart: NextPart: unexpected EOF";
    const contentStart = headersEnd + 4;
    // An empty part's delimiter begins with the line end that closes its headers.
    const end = body.indexOf(delimiter, contentStart - 2);
    if (end < 0) return "multipart: NextPart: unexpected EOF";
    const headers = body.subarray(lineEnd + 2, headersEnd).toString("utf8");
    const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(headers)?.[1] ?? "";
    const name = parameter(disposition, "name");
    if (name !== undefined) {
      const isFile = parameter(disposition, "filename") !== undefined;
      parts.push({ name, isFile, content: body.subarray(contentStart, Math.max(contentStart, end)) });
    }
    at = end + delimiter.length;
  }
}

function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(disposition);
  return match?.[1] ?? match?.[2];
}
