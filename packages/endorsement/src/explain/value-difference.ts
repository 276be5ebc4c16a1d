/** Where two values differ: inside, when both are JSON. */
import { textOf } from "./shown.js";

/** A pair of leaves that differ; undefined stands for a part that only the other has. */
export type Leaf = { readonly path: string; readonly first: unknown; readonly second: unknown };

export type ValueDifference =
  /** The same JSON, written with keys or items in another order. */
  | { readonly kind: "order"; readonly of: "keys" | "items"; readonly path: string }
  | { readonly kind: "leaves"; readonly leaves: readonly Leaf[]; readonly more: number };

const MAX_LEAVES = 10;
const MAX_DEPTH = 20;
/** JSON longer than that is compared as text. */
const MAX_JSON = 256 * 1024;
const MAX_TEXT = 80;

export function differenceOf(first: Uint8Array, second: Uint8Array): ValueDifference {
  const [a, b] = [jsonOf(first), jsonOf(second)];
  if (a === undefined || b === undefined || !isContainer(a.value) || !isContainer(b.value)) {
    return { kind: "leaves", leaves: [{ path: "", first: plain(first), second: plain(second) }], more: 0 };
  }
  const leaves: Leaf[] = [];
  const count = compare(a.value, b.value, "", 0, leaves);
  if (count === 0) return { kind: "order", of: "keys", path: "" };
  const reordered = reorderedList(a.value, b.value, "", 0);
  if (reordered !== undefined) return { kind: "order", of: "items", path: reordered };
  return { kind: "leaves", leaves, more: count - leaves.length };
}

function plain(bytes: Uint8Array): unknown {
  const text = textOf(bytes, MAX_JSON);
  if (text === undefined) return bytes;
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
}

function jsonOf(bytes: Uint8Array): { value: unknown } | undefined {
  if (bytes.length === 0 || bytes.length > MAX_JSON) return undefined;
  try {
    return { value: JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown };
  } catch {
    return undefined;
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Notes the leaves that differ, the first few; keys count in any order. @returns how many differ */
function compare(a: unknown, b: unknown, path: string, depth: number, leaves: Leaf[]): number {
  if (Object.is(a, b)) return 0;
  const isSameKind = isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b);
  if (!isSameKind || depth >= MAX_DEPTH) {
    if (isSameKind && JSON.stringify(sorted(a, 0)) === JSON.stringify(sorted(b, 0))) return 0;
    if (leaves.length < MAX_LEAVES) leaves.push({ path, first: a, second: b });
    return 1;
  }
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let count = 0;
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const inner = Array.isArray(a) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    count += compare(own(one, key), own(other, key), inner, depth + 1, leaves);
  }
  return count;
}

function own(value: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Path of the one list of which the items are the same in another order, all else being equal. */
function reorderedList(a: unknown, b: unknown, path: string, depth: number): string | undefined {
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b) || depth >= MAX_DEPTH)
    return undefined;
  if (Array.isArray(a) && Array.isArray(b)) {
    const texts = (items: readonly unknown[]) => items.map((item) => JSON.stringify(sorted(item, 0))).sort();
    return a.length === b.length && texts(a).join("\n") === texts(b).join("\n") ? path || "the list" : undefined;
  }
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let found: string | undefined;
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const [x, y] = [own(one, key), own(other, key)];
    if (JSON.stringify(sorted(x, 0)) === JSON.stringify(sorted(y, 0))) continue;
    const inner = reorderedList(x, y, path === "" ? key : `${path}.${key}`, depth + 1);
    if (inner === undefined) return undefined;
    found ??= inner;
  }
  return found;
}

function sorted(value: unknown, depth: number): unknown {
  if (!isContainer(value) || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => sorted(item, depth + 1));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner, depth + 1)]));
}

/** A leaf on one line. */
export function leafText(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
