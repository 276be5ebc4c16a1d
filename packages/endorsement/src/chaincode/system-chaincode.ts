/**
 * Chaincodes that are part of the peer: functions over interfaces, called without a stream.
 * Source of the version: hyperledger/fabric, core/scc/scc.go.
 */
import { type Bytes, NO_BYTES } from "@hansa/primitives";
import type { Proposal } from "./proposal.js";
import type { Simulation } from "./simulation.js";

export const SYSTEM_VERSION = "syscc";

/** Names that are never looked up in the lifecycle. */
export const SYSTEM_NAMES: ReadonlySet<string> = new Set(["_lifecycle", "cscc", "lscc", "qscc"]);

export type ChaincodeResponse = { readonly status: number; readonly message: string; readonly payload: Bytes };

/** A call of a system chaincode. `proposal` may be for another chaincode, which then is the caller. */
export type SystemCall = {
  readonly channelId: string;
  readonly txId: string;
  readonly args: readonly Bytes[];
  readonly proposal: Proposal;
  /** Undefined outside channels and for cscc and qscc. */
  readonly simulation: Simulation | undefined;
};

export interface SystemChaincode {
  readonly name: string;
  /** Never rejects for what a client sent: refusals are responses. */
  invoke(call: SystemCall): Promise<ChaincodeResponse>;
}

export function success(payload: Bytes = NO_BYTES): ChaincodeResponse {
  return { status: 200, message: "", payload };
}

export function failed(message: string, status = 500): ChaincodeResponse {
  return { status, message, payload: NO_BYTES };
}
