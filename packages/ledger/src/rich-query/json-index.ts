/**
 * Index definitions as contracts ship them in META-INF/statedb/couchdb/indexes, the keys they give documents, and which
 * of them a query can use.
 */
import { HansaError } from "@hansa/primitives";
import { RichQueryError } from "./error.js";
import { AFTER, encodeSorted, fieldPath, isArray, isObject, type Json, type JsonObject, valueAt } from "./json.js";
import type { RichQuery } from "./query.js";
import { type Condition, matches, parseSelector, pathName, requiredConditions, type Selector } from "./selector.js";

/** Plain data: it is kept in the state's database. */
export type IndexDefinition = {
  readonly designDocument: string;
  readonly name: string;
  /** Fields as the definition names them. */
  readonly fields: readonly string[];
  /** Only documents that it selects are in the index. */
  readonly partialFilter?: Json;
};

/** A definition made ready. */
export type JsonIndex = IndexDefinition & {
  readonly columns: readonly { readonly name: string; readonly path: readonly string[] }[];
  readonly filter: Selector | undefined;
};

const MAX_FIELDS = 32;

/**
 * Reads one file of index definitions.
 * @throws HansaError INDEX_INVALID naming the file
 */
export function readIndexDefinition(file: string, text: string): IndexDefinition {
  const wrong = (fact: string, cause?: unknown) =>
    new HansaError("INDEX_INVALID", `invalid index definition in ${file}: ${fact}`, { cause });
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw wrong("it is no JSON", cause);
  }
  const index = isObject(value) ? value.index : undefined;
  if (!isObject(value) || !isObject(index)) throw wrong('it has no "index"');
  const { ddoc, name, type } = value;
  if (type !== undefined && type !== "json") throw wrong(`its type is ${JSON.stringify(type)}; only json is known`);
  if (!isArray(index.fields) || index.fields.length === 0 || index.fields.length > MAX_FIELDS)
    throw wrong(`"fields" must be a list of 1 to ${MAX_FIELDS} fields`);
  const fields = index.fields.map((field) => {
    if (typeof field === "string") return field;
    const [entry, ...rest] = isObject(field) ? Object.entries(field) : [];
    if (entry === undefined || rest.length > 0 || (entry[1] !== "asc" && entry[1] !== "desc"))
      throw wrong(`${JSON.stringify(field)} is no field`);
    return entry[0];
  });
  const ownName = typeof name === "string" && name !== "" ? name : fields.join("-");
  const designDocument = typeof ddoc === "string" && ddoc !== "" ? ddoc.replace(/^_design\//, "") : ownName;
  const filter = index.partial_filter_selector;
  try {
    if (filter !== undefined) parseSelector(filter);
  } catch (cause) {
    throw wrong(cause instanceof RichQueryError ? cause.message : String(cause), cause);
  }
  return { designDocument, name: ownName, fields, ...(filter === undefined ? {} : { partialFilter: filter }) };
}

export function indexOf(definition: IndexDefinition): JsonIndex {
  return {
    ...definition,
    columns: definition.fields.map((field) => {
      const path = fieldPath(field);
      return { name: pathName(path), path };
    }),
    filter: definition.partialFilter === undefined ? undefined : parseSelector(definition.partialFilter),
  };
}

/** A document's place in an index; undefined when it lacks a field or the index leaves it out. */
export function indexKey({ columns, filter }: JsonIndex, document: JsonObject, key: string): Buffer | undefined {
  const parts: Buffer[] = [];
  for (const { path } of columns) {
    const value = path.length === 1 && path[0] === "_id" ? key : valueAt(document, path);
    if (value === undefined) return undefined;
    parts.push(encodeSorted(value));
  }
  return filter === undefined || matches(filter, document, key) ? Buffer.concat(parts) : undefined;
}

/** Which part of an index a query reads. */
export type IndexPlan = { readonly index: JsonIndex; readonly from: Buffer; readonly to: Buffer };

/**
 * The index that serves a query best: the longest run of leading fields that the query fixes or bounds.
 * @throws RichQueryError no_usable_index when the query sorts and no index has that order
 */
export function planQuery(query: RichQuery, indexes: readonly JsonIndex[]): IndexPlan | undefined {
  const required = requiredConditions(query.selector);
  const usable = indexes
    .filter((index) => isUsable(index, query, required))
    .map((index) => ({ index, ...boundsOf(index, required) }))
    .sort(
      (a, b) =>
        Number(isNamed(b.index, query)) - Number(isNamed(a.index, query)) ||
        b.depth - a.depth ||
        a.index.columns.length - b.index.columns.length ||
        (a.index.name < b.index.name ? -1 : 1),
    );
  const [best] = usable;
  if (best !== undefined) return best;
  const sortsByKey =
    query.sort.length === 0 || (query.sort.length === 1 && query.sort[0]!.name === "_id" && !query.descending);
  if (sortsByKey) return undefined;
  throw new RichQueryError("no_usable_index", "No index exists for this sort, try indexing by the sort fields.");
}

function isNamed({ designDocument, name }: JsonIndex, { useIndex }: RichQuery): boolean {
  const [wantedDesign, wantedName] = useIndex;
  return wantedDesign === designDocument && (wantedName === undefined || wantedName === name);
}

/** An index lacks documents without its fields: the query must want none of those. */
function isUsable(index: JsonIndex, query: RichQuery, required: Map<string, Condition[]>): boolean {
  if (index.filter !== undefined && !isNamed(index, query)) return false;
  const isFixed = (name: string) => (required.get(name) ?? []).some(({ operator }) => operator === "$eq");
  let at = 0;
  for (const { name } of query.sort) {
    while (index.columns[at] !== undefined && index.columns[at]!.name !== name && isFixed(index.columns[at]!.name))
      at++;
    if (index.columns[at]?.name !== name) return false;
    at++;
  }
  return index.columns.every(
    ({ name }) =>
      query.sort.some((field) => field.name === name) ||
      (required.get(name) ?? []).some(({ operator, argument }) => !(operator === "$exists" && argument === false)),
  );
}

function boundsOf(
  { columns }: JsonIndex,
  required: Map<string, Condition[]>,
): { from: Buffer; to: Buffer; depth: number } {
  let prefix: Buffer = Buffer.alloc(0);
  let depth = 0;
  for (const { name } of columns) {
    const conditions = required.get(name) ?? [];
    const equal = conditions.find(({ operator }) => operator === "$eq");
    if (equal !== undefined) {
      prefix = Buffer.concat([prefix, encodeSorted(equal.argument)]);
      depth += 2;
      continue;
    }
    let from = prefix;
    let to: Buffer = Buffer.concat([prefix, AFTER]);
    let isBounded = false;
    for (const { operator, argument } of conditions) {
      const edge = BOUNDS[operator];
      if (edge === undefined) continue;
      isBounded = true;
      const place = Buffer.concat([prefix, encodeSorted(argument), ...(edge.after ? [AFTER] : [])]);
      if (edge.side === "from" && place.compare(from) > 0) from = place;
      if (edge.side === "to" && place.compare(to) < 0) to = place;
    }
    return { from, to, depth: depth + (isBounded ? 1 : 0) };
  }
  return { from: prefix, to: Buffer.concat([prefix, AFTER]), depth };
}

const BOUNDS: Readonly<Record<string, { side: "from" | "to"; after: boolean }>> = {
  $gt: { side: "from", after: true },
  $gte: { side: "from", after: false },
  $lt: { side: "to", after: false },
  $lte: { side: "to", after: true },
};
