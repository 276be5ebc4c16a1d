import { HansaError } from "@hansa/primitives";

/**
 * A rich query that CouchDB would refuse; the text is how Fabric passes such a refusal on to the chaincode.
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/statedb/statecouchdb/couchdb.go.
 */
export class RichQueryError extends HansaError {
  override readonly name = "RichQueryError";

  /** @param kind CouchDB's name of the error; undefined where Fabric refuses the query itself */
  constructor(kind: string | undefined, reason: string) {
    super(
      "RICH_QUERY",
      kind === undefined
        ? reason
        : `error handling CouchDB request. Error:${kind},  Status Code:400,  Reason:${reason}`,
    );
  }
}
