/**
 * Pages of a list. A page's token says after which item the next page begins, so that rows that come and go meanwhile
 * neither repeat nor push out others. Tokens are opaque: they are signed, and good only for the list and the account
 * they were given for.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { invalid } from "../errors.js";

const MAC_BYTES = 12;

export type Sorted = { readonly at: number; readonly id: string };
export type PageInput = { readonly maxResults?: number | undefined; readonly nextToken?: string | undefined };

/** At most 128 characters: 12 bytes of MAC, a time in hex, an id of 32 characters at most, all in base64url. */
function tokenOf(key: string, scope: string, { at, id }: Sorted): string {
  const place = `${at.toString(16)}/${id}`;
  return Buffer.concat([macOf(key, scope, place), Buffer.from(place, "utf8")]).toString("base64url");
}

function placeOf(key: string, scope: string, token: string): Sorted {
  const bytes = Buffer.from(token, "base64url");
  const place = bytes.subarray(MAC_BYTES).toString("utf8");
  const mac = bytes.subarray(0, MAC_BYTES);
  const slash = place.indexOf("/");
  if (bytes.toString("base64url") !== token || slash < 1 || !timingSafeEqual(mac, macOf(key, scope, place)))
    throw invalid(
      "nextToken is not a token of this list. Use the NextToken of the previous page with the same filters.",
    );
  return { at: Number.parseInt(place.slice(0, slash), 16), id: place.slice(slash + 1) };
}

function macOf(key: string, scope: string, place: string): Buffer {
  return createHmac("sha256", key).update(`${scope}\n${place}`).digest().subarray(0, MAC_BYTES);
}

/** Oldest first, ties by id. `scope` names the list, its filters and whose it is. */
export function page<T>(
  key: string,
  scope: readonly (string | number | boolean | undefined)[],
  items: readonly T[],
  place: (item: T) => Sorted,
  { maxResults, nextToken }: PageInput,
  maximum: number,
): { readonly items: readonly T[]; readonly nextToken: string | undefined } {
  const name = JSON.stringify(scope.map((part) => part ?? null));
  const sorted = items.map((item) => ({ item, at: place(item) })).sort((a, b) => order(a.at, b.at));
  // The service model allows an empty token: loops that begin with one ask for the first page.
  const after = nextToken === undefined || nextToken === "" ? undefined : placeOf(key, name, nextToken);
  const rest = after === undefined ? sorted : sorted.filter(({ at }) => order(at, after) > 0);
  const taken = rest.slice(0, maxResults ?? maximum);
  const last = taken.at(-1);
  return {
    items: taken.map(({ item }) => item),
    nextToken: last !== undefined && taken.length < rest.length ? tokenOf(key, name, last.at) : undefined,
  };
}

function order(a: Sorted, b: Sorted): number {
  return a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
