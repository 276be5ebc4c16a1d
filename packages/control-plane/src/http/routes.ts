/** From a request line to an operation and its members. Paths are split before they are decoded: an ARN is one segment. */

import { OPERATIONS, type Operation } from "../api/operations.js";
import { splitTarget } from "../auth/canonical.js";
import { ApiError, invalid } from "../errors.js";

export type Routed = {
  readonly operation: Operation;
  readonly labels: Readonly<Record<string, string>>;
  readonly query: string;
};

const MAX_QUERY_PARAMETERS = 500;

const routes = OPERATIONS.map((operation) => ({ operation, segments: operation.path.split("/") }));

/** @throws ApiError as API Gateway answers for a route that it does not have */
export function route(method: string, target: string): Routed {
  const [path, query] = splitTarget(target);
  const given = path.split("/");
  if (given.length > 1 && given.at(-1) === "") given.pop();
  for (const { operation, segments } of routes) {
    if (operation.method !== method || segments.length !== given.length) continue;
    const labels: Record<string, string> = {};
    const fits = segments.every((segment, index) => {
      const actual = given[index] ?? "";
      if (!segment.startsWith("{")) return segment === actual;
      labels[segment.slice(1, -1)] = decode(actual);
      return actual !== "";
    });
    if (fits) return { operation, labels, query };
  }
  throw new ApiError(
    "MissingAuthenticationTokenException",
    `Missing Authentication Token: there is no ${method} ${path}.`,
  );
}

/** @throws ApiError InvalidRequestException when a parameter comes twice */
export function readQuery(query: string, lists: readonly string[]): Record<string, unknown> {
  const members: Record<string, unknown> = Object.fromEntries(
    lists.filter((name) => query.includes(name)).map((name) => [name, []]),
  );
  const parts = query.split("&").filter((part) => part !== "");
  if (parts.length > MAX_QUERY_PARAMETERS) throw invalid(`The query has more than ${MAX_QUERY_PARAMETERS} parameters.`);
  for (const part of parts) {
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1).replaceAll("+", " "));
    const list = members[name];
    if (lists.includes(name)) members[name] = [...(Array.isArray(list) ? list : []), value];
    else if (Object.hasOwn(members, name)) throw invalid(`${name} is given twice.`);
    else members[name] = value;
  }
  return members;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError("BadRequestException", `"${text.slice(0, 100)}" has a broken percent sign.`);
  }
}
