/**
 * Signature Version 4: what is signed, from the bytes of the request line and headers as they came.
 *
 * For every service but S3 the path is normalized and each segment, already encoded, is encoded once more: an ARN in
 * /tags/{arn} arrives as "arn%3Aaws…" and is signed as "arn%253Aaws…".
 * Source: AWS General Reference, "Create a signed AWS API request", and the published test suite.
 */
import { createHmac } from "node:crypto";
import { sha256Hex } from "@hansa/primitives";

export const ALGORITHM = "AWS4-HMAC-SHA256";

export type SignedRequest = {
  readonly method: string;
  /** Path and query as in the request line. */
  readonly target: string;
  /** Name and value in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
};

/** Throws URIError when the query has a broken percent sign. */
export function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const [path = "/", query = ""] = splitTarget(request.target);
  const headers = headerValues(request.rawHeaders);
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${(headers.get(name) ?? []).map(trimmed).join(",")}`),
    "",
    signedHeaders.join(";"),
    sha256Hex(request.body),
  ].join("\n");
}

export function stringToSign(canonical: string, timestamp: string, scope: string): string {
  return [ALGORITHM, timestamp, scope, sha256Hex(Buffer.from(canonical, "utf8"))].join("\n");
}

export function signingKey(secret: string, date: string, region: string, service: string): Buffer {
  const step = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text, "utf8").digest();
  return step(step(step(step(`AWS4${secret}`, date), region), service), "aws4_request");
}

export function signatureOf(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

/** Lower-case names; values in the order in which they came. */
export function headerValues(rawHeaders: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const known = values.get(name);
    if (known === undefined) values.set(name, [rawHeaders[i + 1]!]);
    else known.push(rawHeaders[i + 1]!);
  }
  return values;
}

export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf("?");
  return mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}

function canonicalPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(encodeStrictly(segment));
  }
  // Signers leave no slash behind a last "." or "..".
  const trailing = kept.length > 0 && path.endsWith("/") ? "/" : "";
  return `/${kept.join("/")}${trailing}`;
}

function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const equals = part.indexOf("=");
      const [name, value] = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
      return [encodeStrictly(decodeURIComponent(name)), encodeStrictly(decodeURIComponent(value))] as const;
    })
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986: everything but unreserved characters. Throws URIError on half a surrogate pair. */
function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

const trimmed = (value: string) => value.trim().replace(/\s+/g, " ");
