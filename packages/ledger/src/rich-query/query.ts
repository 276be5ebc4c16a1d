/** A rich query as a chaincode writes it: {"selector", "sort", "fields", "limit", "skip", "bookmark", "use_index"}. */
import { RichQueryError } from "./error.js";
import { fieldPath, isArray, isObject, type Json, type JsonObject, valueAt } from "./json.js";
import { parseSelector, pathName, type Selector } from "./selector.js";

export type SortField = { readonly name: string; readonly path: readonly string[] };

export type RichQuery = {
  readonly selector: Selector;
  readonly sort: readonly SortField[];
  readonly descending: boolean;
  /** Whole documents when undefined. */
  readonly fields: readonly (readonly string[])[] | undefined;
  readonly limit: number;
  readonly skip: number;
  readonly bookmark: string;
  /** Design document and, perhaps, the index's own name. */
  readonly useIndex: readonly string[];
};

const MAX_QUERY_BYTES = 1024 * 1024;
const MAX_FIELDS = 1_000;

/** @throws RichQueryError */
export function parseRichQuery(text: string): RichQuery {
  if (text.length > MAX_QUERY_BYTES) throw bad("bad_request", `a query of more than ${MAX_QUERY_BYTES} characters`);
  let query: Json;
  try {
    query = JSON.parse(text) as Json;
  } catch {
    throw bad("bad_request", "invalid UTF-8 JSON");
  }
  if (!isObject(query)) throw bad("bad_request", "Request body must be a JSON object");
  if (query.selector === undefined) throw bad("missing_required_key", "Missing required key: selector");
  const { sort, descending } = readSort(query.sort ?? []);
  return {
    selector: parseSelector(query.selector),
    sort,
    descending,
    fields: readFields(query.fields),
    limit: readCount(query, "limit", Number.POSITIVE_INFINITY),
    skip: readCount(query, "skip", 0),
    bookmark: typeof query.bookmark === "string" ? query.bookmark : "",
    useIndex: readUseIndex(query.use_index),
  };
}

/** A document with the fields that were asked for; the path's last parts only where they are there. */
export function project(document: JsonObject, fields: RichQuery["fields"], key: string): JsonObject {
  if (fields === undefined) return document;
  const result: Record<string, unknown> = {};
  for (const path of fields) {
    const value = path.length === 1 && path[0] === "_id" ? key : valueAt(document, path);
    if (value === undefined) continue;
    let target = result;
    for (const name of path.slice(0, -1)) {
      if (!Object.hasOwn(target, name)) define(target, name, {});
      target = target[name] as Record<string, unknown>;
    }
    define(target, path.at(-1)!, value);
  }
  return result as JsonObject;
}

/** Also a name such as __proto__ is a field like any other. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function readSort(value: Json): { sort: SortField[]; descending: boolean } {
  if (!isArray(value)) throw bad("invalid_sort_json", "Sort must be an array of sort specs");
  const specs = value.map((item): [string, string] => {
    if (typeof item === "string") return [item, "asc"];
    const [entry, ...rest] = isObject(item) ? Object.entries(item) : [];
    if (entry === undefined || rest.length > 0 || (entry[1] !== "asc" && entry[1] !== "desc"))
      throw bad("invalid_sort_field", `Invalid sort field: ${JSON.stringify(item).slice(0, 200)}`);
    return [entry[0], entry[1]];
  });
  const [first] = specs;
  if (specs.some(([, direction]) => direction !== first?.[1]))
    throw bad("unsupported_mixed_sort", "Sorts currently only support a single direction for all fields.");
  return {
    sort: specs.map(([name]) => ({ name: pathName(fieldPath(name)), path: fieldPath(name) })),
    descending: first?.[1] === "desc",
  };
}

function readFields(value: Json | undefined): RichQuery["fields"] {
  if (value === undefined || value === "all_fields") return undefined;
  // Fabric's own words: it looks at the fields before CouchDB sees the query.
  if (!isArray(value)) throw new RichQueryError(undefined, "fields definition must be an array");
  if (value.length > MAX_FIELDS)
    throw bad("invalid_fields_json", `Fields must be an array of strings, not: ${JSON.stringify(value).slice(0, 200)}`);
  const fields = value.map((name) => {
    if (typeof name === "string") return fieldPath(name);
    throw bad("invalid_fields_json", `Fields must be an array of strings, not: ${JSON.stringify(name).slice(0, 200)}`);
  });
  return fields.length === 0 ? undefined : fields;
}

function readCount(query: JsonObject, name: string, otherwise: number): number {
  const value = query[name];
  if (value === undefined) return otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw bad("invalid_key", `Invalid value for ${name}: ${JSON.stringify(value).slice(0, 200)}`);
}

function readUseIndex(value: Json | undefined): string[] {
  const names = value === undefined ? [] : isArray(value) ? value : [value];
  if (names.length > 2 || !names.every((name) => typeof name === "string"))
    throw bad("invalid_key", "use_index must be a design document's name, or that and an index's name");
  return (names as string[]).map((name) => name.replace(/^_design\//, ""));
}

const bad = (kind: string, reason: string) => new RichQueryError(kind, reason);
