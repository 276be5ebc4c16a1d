/** One request as it arrived, and reading its body as Go's encoding/json does: names in any case, null for absent. */
import { messageOf } from "@hansa/primitives";
import type { Attribute } from "../registry.js";
import { Code, RestError } from "./answers.js";

export type RestRequest = {
  method: string;
  /** Path and query exactly as the client wrote them; tokens are signed over this. */
  uri: string;
  query: URLSearchParams;
  /** The path's last part, decoded; "" where the route has none. */
  name: string;
  authorization: string;
  body: Buffer;
};

const MAX_LIST = 1_000;

/** The fields of a JSON object. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  private constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
  }

  /** An empty body has no fields. @throws RestError 400 */
  static of(body: Buffer): Fields {
    if (body.length === 0) return new Fields(new Map());
    let value: unknown;
    try {
      value = JSON.parse(body.toString("utf8"));
    } catch (cause) {
      throw badBody(messageOf(cause));
    }
    return Fields.#from(value);
  }

  /** @throws RestError 400, also for an empty body */
  static required(body: Buffer): Fields {
    if (body.length === 0) throw new RestError(400, Code.emptyReqBody, "Empty request body");
    return Fields.of(body);
  }

  static #from(value: unknown): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw badBody("it is not a JSON object");
    return new Fields(new Map(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each])));
  }

  text(name: string): string {
    const value = this.#values.get(name) ?? "";
    if (typeof value !== "string") throw badBody(`"${name}" is not a string`);
    return value;
  }

  integer(name: string): number {
    const value = this.#values.get(name) ?? 0;
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw badBody(`"${name}" is not an integer`);
    return value;
  }

  flag(name: string): boolean {
    const value = this.#values.get(name) ?? false;
    if (typeof value !== "boolean") throw badBody(`"${name}" is not a boolean`);
    return value;
  }

  /** Milliseconds since 1970; undefined when it is absent or Go's zero time. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === "" || text.startsWith("0001-01-01T00:00:00")) return undefined;
    const ms = Date.parse(text);
    if (Number.isNaN(ms)) throw badBody(`"${name}" is not a time like 2026-01-31T00:00:00Z`);
    return ms;
  }

  attributes(): Attribute[] {
    return this.#list("attrs").map((each) => ({
      name: each.text("name"),
      value: each.text("value"),
      ecert: each.flag("ecert"),
    }));
  }

  attributeRequests(): { name: string; optional: boolean }[] {
    return this.#list("attr_reqs").map((each) => ({ name: each.text("name"), optional: each.flag("optional") }));
  }

  #list(name: string): Fields[] {
    const value = this.#values.get(name) ?? [];
    if (!Array.isArray(value)) throw badBody(`"${name}" is not a list`);
    if (value.length > MAX_LIST) throw badBody(`"${name}" has more than ${MAX_LIST} parts`);
    return value.map((each) => Fields.#from(each));
  }
}

/** A flag in the query. @param code the number of a value that is neither */
export function queryFlag(query: URLSearchParams, name: string, code: number = Code.updateConfigRemoveAff): boolean {
  const value = (query.get(name) ?? "").toLowerCase();
  if (["", "0", "f", "false"].includes(value)) return false;
  if (["1", "t", "true"].includes(value)) return true;
  throw new RestError(400, code, `Failed to correctly parse value of '${name}' query parameter: "${value}"`);
}

function badBody(fact: string): RestError {
  return new RestError(400, Code.badReqBody, `Invalid request body: ${fact}`);
}
