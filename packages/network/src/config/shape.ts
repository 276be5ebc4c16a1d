/**
 * Shapes: what a value in a network file may look like. One description gives three things: the TypeScript type,
 * the check with its error texts, and the JSON schema that editors use.
 */
import { didYouMean } from "./suggest.js";

export type Shape =
  | { readonly kind: "text"; readonly pattern?: RegExp; readonly like: string }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "boolean" }
  | { readonly kind: "choice"; readonly values: readonly string[] }
  | { readonly kind: "duration" }
  | { readonly kind: "size" }
  | {
      readonly kind: "list";
      readonly of: Shape;
      readonly minItems: number;
      readonly maxItems?: number;
      readonly like?: string;
    }
  | { readonly kind: "record"; readonly fields: Readonly<Record<string, Field>> }
  | { readonly kind: "either"; readonly of: readonly [Shape, Shape] };

export type Field = { readonly shape: Shape; readonly required: boolean; readonly about: string };

/** The value a shape describes, as it stands in the file: durations and sizes are still text. */
export type ValueOf<S extends Shape> = S extends { kind: "text" | "duration" | "size" }
  ? string
  : S extends { kind: "integer" }
    ? number
    : S extends { kind: "boolean" }
      ? boolean
      : S extends { kind: "choice"; values: readonly (infer V)[] }
        ? V
        : S extends { kind: "list"; of: infer Item extends Shape }
          ? readonly ValueOf<Item>[]
          : S extends { kind: "either"; of: readonly [infer A extends Shape, infer B extends Shape] }
            ? ValueOf<A> | ValueOf<B>
            : S extends { kind: "record"; fields: infer F extends Readonly<Record<string, Field>> }
              ? { readonly [K in keyof F as F[K]["required"] extends true ? K : never]: ValueOf<F[K]["shape"]> } & {
                  readonly [K in keyof F as F[K]["required"] extends true ? never : K]?: ValueOf<F[K]["shape"]>;
                }
              : never;

/** One thing wrong with a value. `path` is where it stands: keys and list positions from the top. */
export type Problem = {
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly expected: string;
  /** Set when the key, rather than its value, is wrong. */
  readonly atKey?: boolean;
};

export const required = <const S extends Shape>(shape: S, about: string) => ({ shape, required: true, about }) as const;
export const optional = <const S extends Shape>(shape: S, about: string) =>
  ({ shape, required: false, about }) as const;

const DURATION = /^(\d+(?:\.\d+)?) ?(ms|s|m)$/;
const SIZE = /^(\d+(?:\.\d+)?) ?(B|KB|MB)$/;

/** "250ms", "2s", "1.5m" to milliseconds; undefined for anything else. */
export function durationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[match[2] as "ms" | "s" | "m"]);
}

/** "512 KB", "10MB" to bytes (1 KB = 1024); undefined for anything else. */
export function sizeBytes(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * { B: 1, KB: 1024, MB: 1024 * 1024 }[match[2] as "B" | "KB" | "MB"]);
}

/** Everything wrong with `value`; empty when it fits the shape. */
export function check(shape: Shape, value: unknown, path: readonly (string | number)[] = []): Problem[] {
  const wrong = (expected: string): Problem[] => [{ path, found: show(value), expected }];
  switch (shape.kind) {
    case "text":
      if (typeof value !== "string" || (shape.pattern !== undefined && !shape.pattern.test(value)))
        return wrong(shape.like);
      return [];
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value) || value < shape.min || value > shape.max)
        return wrong(`a whole number from ${shape.min} to ${shape.max}`);
      return [];
    case "boolean":
      return typeof value === "boolean" ? [] : wrong("true or false");
    case "choice":
      if (typeof value !== "string" || !shape.values.includes(value))
        return wrong(
          `one of ${shape.values.join(", ")}.${typeof value === "string" ? didYouMean(value, shape.values) : ""}`,
        );
      return [];
    case "duration":
      return typeof value === "string" && (durationMs(value) ?? 0) > 0
        ? []
        : wrong("a time above zero with its unit, such as 200ms or 2s");
    case "size":
      return typeof value === "string" && (sizeBytes(value) ?? 0) > 0
        ? []
        : wrong("a size above zero with its unit, such as 512 KB or 10 MB");
    case "list":
      if (!Array.isArray(value)) return wrong(shape.like ?? "a list");
      if (value.length < shape.minItems) return wrong(`a list of at least ${shape.minItems}`);
      if (shape.maxItems !== undefined && value.length > shape.maxItems)
        return wrong(`a list of at most ${shape.maxItems}`);
      return value.flatMap((item, index) => check(shape.of, item, [...path, index]));
    case "either": {
      const [first, second] = shape.of.map((option) => check(option, value, path));
      if (first!.length === 0 || second!.length === 0) return [];
      const composite = shape.of.findIndex((option) => option.kind === (Array.isArray(value) ? "list" : "record"));
      if (typeof value === "object" && value !== null && composite >= 0) return [first, second][composite]!;
      return wrong(`${first![0]!.expected}, or ${second![0]!.expected}`);
    }
    case "record":
      return checkRecord(shape.fields, value, path);
  }
}

function checkRecord(
  fields: Readonly<Record<string, Field>>,
  value: unknown,
  path: readonly (string | number)[],
): Problem[] {
  const names = Object.keys(fields);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return [{ path, found: show(value), expected: `settings such as ${names.slice(0, 3).join(", ")}` }];
  const problems: Problem[] = [];
  const given = value as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(fields, key)) continue;
    const expected = `one of ${names.join(", ")}.${didYouMean(key, names)}`;
    problems.push({ path: [...path, key], found: `the unknown setting "${key}"`, expected, atKey: true });
  }
  for (const [name, field] of Object.entries(fields)) {
    const item = Object.hasOwn(given, name) ? given[name] : undefined;
    if (item === undefined || item === null) {
      if (field.required) problems.push({ path: [...path, name], found: "nothing", expected: field.about });
      else if (item === null) problems.push({ path: [...path, name], found: "nothing", expected: field.about });
      continue;
    }
    problems.push(...check(field.shape, item, [...path, name]));
  }
  return problems;
}

/** A value as an error shows it: short, quoted, never a whole document. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a group of settings";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** JSON schema (draft 2020-12) of a shape, for editors. */
export function jsonSchema(shape: Shape): Record<string, unknown> {
  switch (shape.kind) {
    case "text":
      return { type: "string", ...(shape.pattern === undefined ? {} : { pattern: shape.pattern.source }) };
    case "integer":
      return { type: "integer", minimum: shape.min, maximum: shape.max };
    case "boolean":
      return { type: "boolean" };
    case "choice":
      return { enum: shape.values };
    case "duration":
      return { type: "string", pattern: DURATION.source, examples: ["200ms", "2s"] };
    case "size":
      return { type: "string", pattern: SIZE.source, examples: ["512 KB", "10 MB"] };
    case "list":
      return {
        type: "array",
        items: jsonSchema(shape.of),
        minItems: shape.minItems,
        ...(shape.maxItems === undefined ? {} : { maxItems: shape.maxItems }),
      };
    case "either":
      return { anyOf: shape.of.map(jsonSchema) };
    case "record": {
      const entries = Object.entries(shape.fields);
      return {
        type: "object",
        additionalProperties: false,
        required: entries.filter(([, field]) => field.required).map(([name]) => name),
        properties: Object.fromEntries(
          entries.map(([name, field]) => [name, { description: field.about, ...jsonSchema(field.shape) }]),
        ),
      };
    }
  }
}
