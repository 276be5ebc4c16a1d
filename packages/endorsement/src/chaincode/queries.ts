/**
 * Iterators that a chaincode holds open, and the batches in which it receives their results.
 *
 * A batch is cut only when one result more has been read, so that has_more is true exactly when there is more. Fabric
 * reads on in the same rhythm; the phantom check records how far, therefore the rhythm is part of the result.
 * Source: hyperledger/fabric, core/chaincode/query_response_generator.go and transaction_context.go.
 */
import type { Bytes } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import { ChaincodeError } from "./error.js";
import type { ConversationLimits } from "./limits.js";

/** Results already encoded as the shim expects them (queryresult.KV or queryresult.KeyModification). */
export interface EncodedResults {
  next(): Promise<Bytes | undefined>;
  close(): Promise<void>;
}

/** A page ends by its size and tells where the next one begins. */
export type Page = { readonly size: number; bookmark(): Promise<string> };

type OpenQuery = { readonly results: EncodedResults; readonly limit: number; held: Bytes[]; returned: number };

export class OpenQueries {
  readonly #limits: ConversationLimits;
  readonly #open = new Map<string, OpenQuery>();
  #lastId = 0;

  constructor(limits: ConversationLimits) {
    this.#limits = limits;
  }

  /** Opens a query and returns its first batch, an encoded protos.QueryResponse. */
  async open(results: EncodedResults, page: Page | undefined): Promise<Bytes> {
    if (this.#open.size >= this.#limits.maxOpenQueries) {
      await results.close();
      throw new ChaincodeError(
        "LIMIT",
        `more than ${this.#limits.maxOpenQueries} queries are open in this transaction`,
      );
    }
    const id = String(++this.#lastId);
    const total = this.#limits.totalQueryLimit;
    const limit = page !== undefined && page.size > 0 && page.size < total ? page.size : total;
    const query: OpenQuery = { results, limit, held: [], returned: 0 };
    this.#open.set(id, query);
    return this.#batch(id, query, page);
  }

  next(id: string): Promise<Bytes> {
    const query = this.#open.get(id);
    if (query === undefined) throw new ChaincodeError("REFUSED", "query iterator not found");
    return this.#batch(id, query, undefined);
  }

  /** Closing what is not open is no error: the last batch has closed it already. */
  close(id: string): Bytes {
    this.#forget(id);
    return encode(protos.QueryResponse, { id });
  }

  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.#forget(id);
  }

  async #batch(id: string, query: OpenQuery, page: Page | undefined): Promise<Bytes> {
    try {
      for (;;) {
        const result = query.returned >= query.limit ? undefined : await query.results.next();
        if (result === undefined) return await this.#last(id, query, page);
        query.returned++;
        if (page === undefined && query.held.length === this.#limits.queryBatch) {
          const results = wrap(query.held);
          query.held = [result];
          return encode(protos.QueryResponse, { results, hasMore: true, id });
        }
        query.held.push(result);
      }
    } catch (error) {
      this.#forget(id);
      throw error;
    }
  }

  async #last(id: string, query: OpenQuery, page: Page | undefined): Promise<Bytes> {
    const results = wrap(query.held);
    if (page === undefined) {
      this.#forget(id);
      return encode(protos.QueryResponse, { results, id });
    }
    const bookmark = await page.bookmark();
    this.#open.delete(id);
    const metadata = encode(protos.QueryResponseMetadata, { fetchedRecordsCount: query.returned, bookmark });
    return encode(protos.QueryResponse, { results, id, metadata });
  }

  #forget(id: string): void {
    const query = this.#open.get(id);
    if (query === undefined) return;
    this.#open.delete(id);
    // A cursor that fails to close holds nothing that matters to this call.
    query.results.close().catch(() => undefined);
  }
}

function wrap(results: readonly Bytes[]): protos.QueryResultBytes.$Properties[] {
  return results.map((resultBytes) => ({ resultBytes }));
}
