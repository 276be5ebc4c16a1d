import { HansaError } from "@hansa/primitives";

/**
 * A rich query that CouchDB would refuse; the text is how Fabric passes such a refusal on to the chaincode.
 * Source: hyperledger/fabric, core/ledger/kvledger/txmgmt/statedb/statecouchdb/couchdb.go.
 */
export class RichQueryError extends HansaError {
  override readonly name = "RichQueryError";

  constructor(kind: string, reason: string) {
    super("RICH_QUERY", `error handling CouchDB request. Error:${kind},  Status Code:400,  Reason:${reason}`);
  }
}
