/**
 * Selectors of Mango, CouchDB's query language: which documents a query wants. A field that a document lacks satisfies
 * nothing but `{"$exists": false}`, negations included.
 * Source: CouchDB's documentation of POST /{db}/_find, and apache/couchdb, src/mango/src/mango_selector.erl.
 */
import { RE2JS } from "re2js";
import { RichQueryError } from "./error.js";
import { compareJson, fieldPath, isArray, isObject, type Json, type JsonObject, valueAt } from "./json.js";

export type Condition = {
  /** "$eq", "$gt", … as the selector has it. */
  readonly operator: string;
  readonly argument: Json;
  /** Of a value that is there. */
  readonly test: (value: Json) => boolean;
};

export type Selector =
  | { readonly kind: "and" | "or"; readonly parts: readonly Selector[] }
  | { readonly kind: "field"; readonly path: readonly string[]; readonly condition: Condition };

const MAX_DEPTH = 50;
const MAX_CONDITIONS = 10_000;

const invalid = (reason: string) => new RichQueryError("invalid_operator", reason);
const badArgument = (operator: string, argument: Json) =>
  new RichQueryError("bad_arg", `Bad argument for operator ${operator}: ${JSON.stringify(argument).slice(0, 200)}`);

/** @throws RichQueryError */
export function parseSelector(value: Json): Selector {
  if (!isObject(value)) throw new RichQueryError("invalid_selector_json", "Selector must be a JSON object");
  return new Parser().selector(value, [], 0);
}

/** @param key what "_id" stands for */
export function matches(selector: Selector, document: Json, key: string): boolean {
  switch (selector.kind) {
    case "and":
      return selector.parts.every((part) => matches(part, document, key));
    case "or":
      // None to choose from asks for nothing: so CouchDB has it.
      return selector.parts.length === 0 || selector.parts.some((part) => matches(part, document, key));
    case "field": {
      const { path, condition } = selector;
      const found = path.length === 1 && path[0] === "_id" ? key : valueAt(document, path);
      if (found === undefined) return condition.operator === "$exists" && condition.argument === false;
      return condition.test(found);
    }
  }
}

/** Conditions that every match satisfies, by field as written in an index: names joined by dots. */
export function requiredConditions(selector: Selector): Map<string, Condition[]> {
  const found = new Map<string, Condition[]>();
  const collect = (part: Selector): void => {
    if (part.kind === "and") for (const each of part.parts) collect(each);
    else if (part.kind === "field") {
      const name = pathName(part.path);
      const known = found.get(name);
      if (known === undefined) found.set(name, [part.condition]);
      else known.push(part.condition);
    } else if (part.kind === "or" && part.parts.length === 1) collect(part.parts[0]!);
  };
  collect(selector);
  return found;
}

/** Names of all fields that a selector looks at, as an index would name them. */
export function selectorFields(selector: Selector): Set<string> {
  const found = new Set<string>();
  const collect = (part: Selector): void => {
    if (part.kind === "field") found.add(pathName(part.path));
    else for (const each of part.parts) collect(each);
  };
  collect(selector);
  return found;
}

export function pathName(path: readonly string[]): string {
  return path.map((name) => name.replaceAll(".", "\\.")).join(".");
}

/** What an operator becomes under a negation. */
const OPPOSITES: Readonly<Record<string, string>> = {
  $lt: "$gte",
  $lte: "$gt",
  $eq: "$ne",
  $ne: "$eq",
  $gte: "$lt",
  $gt: "$lte",
  $in: "$nin",
  $nin: "$in",
};

class Parser {
  #conditions = 0;

  selector(value: JsonObject, path: readonly string[], depth: number): Selector {
    if (depth > MAX_DEPTH) throw new RichQueryError("invalid_selector_json", "Selector nests too deeply");
    const parts = Object.entries(value).map(([name, argument]) => this.#part(name, argument, path, depth));
    return parts.length === 1 ? parts[0]! : { kind: "and", parts };
  }

  #part(name: string, argument: Json, path: readonly string[], depth: number): Selector {
    switch (name) {
      case "$and":
      case "$or":
        return { kind: name === "$and" ? "and" : "or", parts: this.#list(name, argument, path, depth) };
      case "$nor":
        return { kind: "and", parts: this.#list(name, argument, path, depth).map((part) => this.#negate(part)) };
      case "$not":
        return this.#negate(this.#below(name, argument, path, depth));
      default:
        if (name.startsWith("$")) return this.#field(path, name, argument, depth);
        return this.#value([...path, ...fieldPath(name)], argument, depth);
    }
  }

  /** What stands under a field's name: a nested selector, operators, or a value to equal. */
  #value(path: readonly string[], argument: Json, depth: number): Selector {
    if (isObject(argument) && Object.keys(argument).length > 0) return this.selector(argument, path, depth + 1);
    return this.#field(path, "$eq", argument, depth);
  }

  #below(operator: string, argument: Json, path: readonly string[], depth: number): Selector {
    if (isObject(argument)) return this.selector(argument, path, depth + 1);
    if (path.length > 0 && operator !== "$not") return this.#field(path, "$eq", argument, depth);
    throw badArgument(operator, argument);
  }

  #list(operator: string, argument: Json, path: readonly string[], depth: number): Selector[] {
    if (!isArray(argument)) throw badArgument(operator, argument);
    return argument.map((each) => this.#below(operator, each, path, depth));
  }

  #negate(selector: Selector): Selector {
    if (selector.kind !== "field")
      return {
        kind: selector.kind === "and" ? "or" : "and",
        parts: selector.parts.map((part) => this.#negate(part)),
      };
    const { path, condition } = selector;
    const { operator, argument, test } = condition;
    if (operator === "$exists") return this.#field(path, "$exists", argument === false, 0);
    const opposite = OPPOSITES[operator];
    if (opposite !== undefined) return this.#field(path, opposite, argument, 0);
    return { kind: "field", path, condition: { operator: "$not", argument: null, test: (value) => !test(value) } };
  }

  #field(path: readonly string[], operator: string, argument: Json, depth: number): Selector {
    if (++this.#conditions > MAX_CONDITIONS)
      throw new RichQueryError("invalid_selector_json", `Selector has more than ${MAX_CONDITIONS} conditions`);
    return { kind: "field", path, condition: { operator, argument, test: this.#test(operator, argument, depth) } };
  }

  #test(operator: string, argument: Json, depth: number): (value: Json) => boolean {
    const comparison = COMPARISONS[operator];
    if (comparison !== undefined) return (value) => comparison(compareJson(value, argument));
    switch (operator) {
      case "$exists":
        if (typeof argument !== "boolean") throw badArgument(operator, argument);
        return () => argument;
      case "$in":
      case "$nin": {
        if (!isArray(argument)) throw badArgument(operator, argument);
        const isOneOf = (value: Json) => argument.some((each) => compareJson(each, value) === 0);
        const isIn = (value: Json) => (isArray(value) ? value.some(isOneOf) : isOneOf(value));
        return operator === "$in" ? isIn : (value) => !isIn(value);
      }
      case "$all": {
        if (!isArray(argument)) throw badArgument(operator, argument);
        return (value) => isArray(value) && argument.length > 0 && holdsAll(value, argument);
      }
      case "$size":
        if (typeof argument !== "number" || !Number.isInteger(argument) || argument < 0)
          throw badArgument(operator, argument);
        return (value) => isArray(value) && value.length === argument;
      case "$type":
        if (typeof argument !== "string" || !TYPES.includes(argument)) throw badArgument(operator, argument);
        return (value) => typeOf(value) === argument;
      case "$mod": {
        const [divisor, remainder] = isArray(argument) ? argument : [];
        const isPair = isArray(argument) && argument.length === 2;
        if (!isPair || !Number.isInteger(divisor) || !Number.isInteger(remainder) || divisor === 0)
          throw badArgument(operator, argument);
        return (value) => Number.isInteger(value) && (value as number) % (divisor as number) === remainder;
      }
      case "$regex":
        return regexTest(operator, argument);
      case "$beginsWith":
        if (typeof argument !== "string") throw badArgument(operator, argument);
        return (value) => typeof value === "string" && value.startsWith(argument);
      case "$elemMatch":
      case "$allMatch":
      case "$keyMapMatch": {
        if (!isObject(argument)) throw badArgument(operator, argument);
        const inner = this.selector(argument, [], depth + 1);
        const fits = (value: Json) => matches(inner, value, "");
        if (operator === "$keyMapMatch") return (value) => isObject(value) && Object.keys(value).some(fits);
        if (operator === "$elemMatch") return (value) => isArray(value) && value.some(fits);
        return (value) => isArray(value) && value.length > 0 && value.every(fits);
      }
      default:
        throw invalid(`Invalid operator: ${operator}`);
    }
  }
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
  $eq: (order) => order === 0,
  $ne: (order) => order !== 0,
  $gte: (order) => order >= 0,
  $gt: (order) => order > 0,
};

const TYPES = ["null", "boolean", "number", "string", "array", "object"];

function typeOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function holdsAll(value: readonly Json[], wanted: readonly Json[]): boolean {
  const has = (each: Json) => value.some((item) => compareJson(item, each) === 0);
  // A list of one list may also mean that list itself.
  const [only] = wanted;
  if (wanted.length === 1 && isArray(only) && compareJson(value, only) === 0) return true;
  return wanted.every(has);
}

/** Expressions come from contracts and users: they are matched in linear time, so that none can stop the peer. */
function regexTest(operator: string, argument: Json): (value: Json) => boolean {
  if (typeof argument !== "string") throw badArgument(operator, argument);
  try {
    const pattern = RE2JS.compile(argument);
    return (value) => typeof value === "string" && pattern.matcher(value).find();
  } catch {
    throw badArgument(operator, argument);
  }
}
