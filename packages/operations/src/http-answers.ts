/**
 * What Fabric's HTTP endpoints take from the Go libraries below them, and clients see.
 * Source: golang.org, encoding/json and net/http; hyperledger/fabric, core/middleware/request_id.go.
 */
import { randomUUID } from "node:crypto";

const ESCAPED = /[<>&\u2028\u2029]/g;

/** JSON as Go's encoder writes it: what could end a script element is escaped. Without a line end. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(ESCAPED, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** What `X-Request-Id` of an answer says: the caller's own, or a new one. */
export function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === "string" && /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
}
