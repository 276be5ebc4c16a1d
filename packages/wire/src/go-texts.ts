/**
 * What Go says of bytes that are no protobuf message. Fabric passes these texts on to its clients, so ours do as well;
 * a WireError's own message says more, and is for logs and for people.
 * Source: golang/protobuf, proto/decode.go; hyperledger/fabric, protoutil/unmarshalers.go.
 */
import { WireError } from "./codec.js";

export const CANNOT_PARSE = "proto: cannot parse invalid wire-format data";

/** As Fabric's `protoutil.UnmarshalHeader` and its like fail; `undefined` for any other error. */
export function unmarshalFailure(error: unknown): string | undefined {
  if (!(error instanceof WireError)) return undefined;
  return `error unmarshalling ${error.what.slice(error.what.lastIndexOf(".") + 1)}: ${CANNOT_PARSE}`;
}
