/**
 * Request tokens: the same token with the same request gives the same answer, for 24 hours of the network's time; with
 * another request it is refused. Tokens belong to an account and an operation.
 *
 * The answer is made of ids and is kept, together with what was asked, before anything is done. So a retry after a crash
 * finds the same ids and goes on where the first try stopped. What leaves a record of its own, under an id that follows
 * from the token, is its own memory: the token is kept afterwards, and a retry finds one or the other.
 */
import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import { type Bytes, sha256Hex, toHex } from "@hansa/primitives";
import { ApiError, invalid } from "../errors.js";
import { isObject } from "../input/schema.js";
import { drop, put, type RowStore, type TokenRow } from "../model/rows.js";
import type { Change, Json } from "../store/changes.js";

export const TOKEN_LIFE_MS = 24 * 60 * 60 * 1000;
/** Each new token sweeps out this many old ones, so the table stays as large as a day's requests. */
const SWEPT_PER_TOKEN = 4;

export type Asked = {
  readonly accountId: string;
  readonly operation: string;
  readonly token: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly networkId?: string;
};

export function usedOtherwise(token: string): ApiError {
  return invalid(`ClientRequestToken ${token} was used with another request. Use a new token.`);
}

type Answer = { readonly [key: string]: Json };
type Attempt = {
  /** Judges a first request and says what to keep and to answer. Must not wait for anything. */
  readonly begin: () => { readonly answer: Answer; readonly changes: readonly Change[] };
  /** Does what was asked, if it is not done already; for what must be done before the answer. A refusal forgets the token. */
  readonly finish?: (answer: Answer) => Promise<void>;
  /** `finish` leaves a durable record by which `begin` recognises the token, and refuses it to another request. */
  readonly isRecorded?: boolean;
};

export class Tokens {
  readonly #rows: RowStore;
  readonly #now: (networkId: string | undefined) => number;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(rows: RowStore, now: (networkId: string | undefined) => number) {
    this.#rows = rows;
    this.#now = now;
  }

  async answer(asked: Asked, attempt: Attempt): Promise<Answer> {
    const key = `${asked.accountId} ${asked.operation} ${asked.token}`;
    const requestHash = await hashOf(key, asked.input);
    // One at a time per token; others do not wait for each other.
    const before = this.#underWay.get(key) ?? Promise.resolve();
    const mine = before.then(() => this.#answer(key, requestHash, asked, attempt));
    const settled = mine.catch(() => {});
    this.#underWay.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#underWay.get(key) === settled) this.#underWay.delete(key);
    }
  }

  async #answer(key: string, requestHash: string, asked: Asked, attempt: Attempt): Promise<Answer> {
    const found = this.#rows.get("token", key);
    const known = found !== undefined && !this.#isOver(found) ? found : undefined;
    if (known !== undefined && known.requestHash !== requestHash) throw usedOtherwise(asked.token);
    const at = this.#now(asked.networkId);
    const begun = known === undefined ? attempt.begin() : undefined;
    const answer = known?.answer ?? begun!.answer;
    const keep = () => {
      if (begun === undefined) return Promise.resolve();
      const row: TokenRow = { requestHash, answer, at, networkId: asked.networkId };
      return this.#rows.write(put("token", key, row), ...begun.changes, ...this.#swept(key));
    };
    if (attempt.isRecorded !== true) await keep();
    try {
      await attempt.finish?.(answer);
    } catch (error) {
      // Refused: nothing was done, and nothing will be. Any other failure leaves open what was done.
      if (error instanceof ApiError && this.#rows.get("token", key) !== undefined)
        await this.#rows.write(drop("token", key));
      throw error;
    }
    // Its record is the memory; the token only spares looking for it. A store that fails says so at its next write.
    if (attempt.isRecorded === true) keep().catch(() => {});
    return answer;
  }

  #isOver(row: TokenRow): boolean {
    return this.#now(row.networkId) - row.at > TOKEN_LIFE_MS;
  }

  #swept(except: string): Change[] {
    const swept: Change[] = [];
    let looked = 0;
    for (const [key, row] of this.#rows.all("token")) {
      if (looked++ === SWEPT_PER_TOKEN) break;
      if (key !== except && this.#isOver(row)) swept.push(drop("token", key));
    }
    return swept;
  }
}

const slowHash = promisify(scrypt) as (password: string, salt: string, bytes: number) => Promise<Bytes>;

/** A password in the request goes in by a slow hash, since the sum is kept on disk. */
async function hashOf(key: string, input: Readonly<Record<string, unknown>>): Promise<string> {
  const passwords: string[] = [];
  const { ClientRequestToken: _, ...rest } = input;
  const text = JSON.stringify(sorted(rest, passwords));
  const hidden = await Promise.all(passwords.map((password) => slowHash(password, key, 32)));
  return sha256Hex(Buffer.from([text, ...hidden.map(toHex)].join("\n"), "utf8"));
}

function sorted(value: unknown, passwords: string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item, passwords));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([name, item]) => {
      if (name !== "AdminPassword") return [name, sorted(item, passwords)];
      passwords.push(String(item));
      return [name, "(hidden)"];
    }),
  );
}
