/** The Managed Blockchain API as the hansa command calls it: the same requests that an AWS SDK sends. */
import { type Credentials, signHeaders } from "@hansa/control-plane";
import { HansaError, messageOf, systemClock } from "@hansa/primitives";

export type Endpoint = { readonly url: string; readonly region: string };

export type Request = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
};

const TIMEOUT_MS = 120_000;
/** What a network of any edition can hold, many times over. */
const MOST_PAGES = 1_000;

export class ApiClient {
  readonly #endpoint: Endpoint;
  readonly #credentials: Credentials;

  constructor(endpoint: Endpoint, credentials: Credentials) {
    this.#endpoint = endpoint;
    this.#credentials = credentials;
  }

  /** @throws HansaError with the service's error name as its code; CONTROL_PLANE_UNREACHABLE */
  async call<T>({ method, path, query = {}, body }: Request): Promise<T> {
    const { url, region } = this.#endpoint;
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    const target = search === "" ? path : `${path}?${search}`;
    const content = Buffer.from(body === undefined ? "" : JSON.stringify(body), "utf8");
    const { host } = new URL(url);
    const headers = signHeaders({ method, host, target, body: content }, this.#credentials, region, systemClock.now());
    const answer = await fetch(new URL(target, url), {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: content }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((cause: Error & { cause?: Error }) => {
      throw new HansaError(
        "CONTROL_PLANE_UNREACHABLE",
        `The control plane at ${url} does not answer: ${messageOf(cause.cause ?? cause)}.`,
        { cause, nextStep: "Start it with: hansa control-plane up" },
      );
    });
    const text = await answer.text();
    const value = parse(text);
    if (answer.ok) return value as T;
    const { message } = value as { message?: string };
    const code = answer.headers.get("x-amzn-errortype")?.split(":")[0] ?? "UNEXPECTED";
    throw new HansaError(code, message ?? `The control plane answered ${answer.status}.`);
  }

  /** Every page of a list. */
  async list<T>(path: string, member: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<T[]> {
    const items: T[] = [];
    let nextToken: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await this.call<Record<string, unknown>>({ method: "GET", path, query: { ...query, nextToken } });
      items.push(...((answer[member] ?? []) as T[]));
      nextToken = (answer.NextToken ?? undefined) as string | undefined;
      if (nextToken === undefined) return items;
    }
    throw new HansaError("UNEXPECTED", `The list of ${member} does not end.`);
  }
}

function parse(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) };
  }
}
