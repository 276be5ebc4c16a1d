/**
 * What fabric-ca answers: one envelope, error numbers and texts. A refusal says no more than fabric-ca's does; the
 * reason is in the authority's log.
 * Source: hyperledger/fabric-ca, lib/caerrors and lib/serverendpoint.go.
 */
import { messageOf } from "@hansa/primitives";
import { CaError } from "../error.js";

/** The numbers that Hansa uses, by fabric-ca's names without "Err". */
export const Code = {
  unknown: 0,
  methodNotAllowed: 1,
  noAuthHdr: 2,
  readingReqBody: 3,
  emptyReqBody: 4,
  badReqBody: 5,
  revCertNotFound: 8,
  certWrongOwner: 9,
  revokeIdNotFound: 10,
  missingRevokeArgs: 15,
  gettingAffiliation: 16,
  caNotFound: 19,
  authenticationFailure: 20,
  badCsr: 31,
  invalidRevokedAfter: 36,
  invalidExpiredAfter: 37,
  addIdentity: 52,
  removeIdentity: 56,
  modifyingIdentity: 58,
  updateConfigAddAff: 60,
  updateConfigRemoveAff: 61,
  dbGet: 63,
  updateConfigModifyAff: 64,
  certAlreadyRevoked: 66,
  gettingCert: 67,
  authorizationFailure: 71,
  passwordAttempts: 73,
  dupIdentityReg: 74,
  registeringIdentity: 75,
  cnInvalidEnroll: 77,
  invalidMaxEnroll: 82,
} as const;

export type Answer = { status: number; result: unknown; headers?: Readonly<Record<string, string>> };

/** A refusal, as the client reads it. */
export class RestError extends Error {
  override readonly name = "RestError";
  readonly status: number;
  readonly code: number;
  /** For the log, where it is more than what the client is told. */
  readonly reason: string;

  constructor(status: number, code: number, message: string, reason = message) {
    super(message);
    this.status = status;
    this.code = code;
    this.reason = reason;
  }
}

export function unauthenticated(reason: string): RestError {
  return new RestError(401, Code.authenticationFailure, "Authentication failure", reason);
}

export function unauthorized(reason: string): RestError {
  return new RestError(403, Code.authorizationFailure, "Authorization failure", reason);
}

/** @param badRequest the number of a request that the authority cannot read or does not like */
export function refusalOf(error: unknown, badRequest: number): unknown {
  if (!(error instanceof CaError)) return error;
  const { message, nextStep } = error;
  switch (error.fault) {
    case "UNAUTHENTICATED":
      return unauthenticated(message);
    case "FORBIDDEN":
      return unauthorized(message);
    case "ALREADY_REGISTERED":
      return new RestError(409, badRequest, message);
    case "NOT_FOUND":
      return new RestError(404, Code.dbGet, message);
    case "BAD_REQUEST":
    case "REFUSED":
      return new RestError(400, badRequest, nextStep === undefined ? message : `${message}. ${nextStep}`);
    case "OVERLOADED":
      return new RestError(503, Code.unknown, message);
    default:
      return error;
  }
}

/** Does something with the authority; its faults become refusals, those that `special` knows first. */
export async function asking<T>(
  action: () => Promise<T> | T,
  badRequest: number,
  special: (error: CaError) => RestError | undefined = () => undefined,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw (error instanceof CaError ? special(error) : undefined) ?? refusalOf(error, badRequest);
  }
}

/** The envelope around a result, or around an error. */
export function envelope(outcome: { result: unknown } | { error: { code: number; message: string } }): string {
  const failed = "error" in outcome;
  return JSON.stringify({
    result: failed ? "" : outcome.result,
    errors: failed ? [{ code: outcome.error.code, message: outcome.error.message }] : [],
    messages: [],
    success: !failed,
  });
}

/** @param error what the server could not handle: nothing of it reaches the client */
export function reasonOf(error: unknown): string {
  return error instanceof RestError ? error.reason : messageOf(error);
}
