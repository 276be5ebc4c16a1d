/**
 * Checks of request members, written as data. A check takes a JSON value and gives the typed value, or throws an
 * InvalidRequestException whose message names the member and the rule it breaks. Unknown members are ignored, and null
 * is the same as absent, as the service does it.
 */
import { characterCount, isWellFormed } from "@hansa/primitives";
import { invalid } from "../errors.js";

export type Check<T> = (value: unknown, name: string) => T;
type Fields = Readonly<Record<string, Check<unknown>>>;
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends ReturnType<F[K]> ? K : never }[keyof F];
export type Checked<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ReturnType<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: ReturnType<F[K]>;
};

/** Characters are counted as the service model counts them: by Unicode code point. */
export function text(rule: { min?: number; max?: number; pattern?: RegExp; says?: string } = {}): Check<string> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, pattern, says } = rule;
  const length = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
  return (value, name) => {
    if (typeof value !== "string") throw invalid(`${name} must be a string.`);
    const count = characterCount(value);
    if (count < min || count > max) throw invalid(`${name} must have ${length} characters; it has ${count}.`);
    if (!isWellFormed(value)) throw invalid(`${name} has half a surrogate pair, which is no character.`);
    if (pattern !== undefined && !pattern.test(value)) throw invalid(`${name} ${says ?? "has a wrong form"}.`);
    return value;
  };
}

export function whole(min: number, max: number): Check<number> {
  return (value, name) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
      throw invalid(`${name} must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** A whole number in a query string. */
export function wholeText(min: number, max: number): Check<number> {
  const check = whole(min, max);
  return (value, name) =>
    check(typeof value === "string" && /^-?[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN, name);
}

export const flag: Check<boolean> = (value, name) => {
  if (typeof value !== "boolean") throw invalid(`${name} must be true or false.`);
  return value;
};

/** A boolean in a query string. */
export const flagText: Check<boolean> = (value, name) => {
  if (value !== "true" && value !== "false") throw invalid(`${name} must be true or false.`);
  return value === "true";
};

export function oneOf<const T extends readonly string[]>(allowed: T): Check<T[number]> {
  return (value, name) => {
    if (typeof value !== "string" || !allowed.includes(value))
      throw invalid(`${name} must be one of ${allowed.join(", ")}.`);
    return value as T[number];
  };
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, name) => (value === undefined || value === null ? undefined : check(value, name));
}

export function list<T>(item: Check<T>, max: number): Check<readonly T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw invalid(`${name} must be a list.`);
    if (value.length > max) throw invalid(`${name} must have at most ${max} items; it has ${value.length}.`);
    return value.map((entry, index) => item(entry, `${name}[${index}]`));
  };
}

export function struct<const F extends Fields>(fields: F): Check<Checked<F>> {
  const entries = Object.entries(fields).map(([key, check]) => ({
    key,
    check,
    isOptional: letsUndefinedThrough(check),
  }));
  return (value, name) => {
    if (!isObject(value)) throw invalid(`${name} must be an object.`);
    const result: Record<string, unknown> = {};
    for (const { key, check, isOptional } of entries) {
      const full = name === "" ? key : `${name}.${key}`;
      const given = Object.hasOwn(value, key) ? value[key] : undefined;
      const missing = given === undefined || given === null;
      if (missing && !isOptional) throw invalid(`${full} is required.`);
      const checked = missing ? undefined : check(given, full);
      if (checked !== undefined) result[key] = checked;
    }
    return result as Checked<F>;
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function letsUndefinedThrough(check: Check<unknown>): boolean {
  try {
    return check(undefined, "") === undefined;
  } catch {
    return false;
  }
}
