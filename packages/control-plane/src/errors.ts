/** What the API answers when it refuses: the service's error names with their status. */
import type { GovernanceRefusal } from "@hansa/governance";

/** Names of the service model, then those of the front door (API Gateway and Signature Version 4). */
const STATUS = {
  InvalidRequestException: 400,
  IllegalActionException: 400,
  TooManyTagsException: 400,
  AccessDeniedException: 403,
  ResourceNotFoundException: 404,
  ResourceAlreadyExistsException: 409,
  ResourceNotReadyException: 409,
  ResourceLimitExceededException: 429,
  ThrottlingException: 429,
  InternalServiceErrorException: 500,
  BadRequestException: 400,
  RequestEntityTooLargeException: 413,
  MissingAuthenticationTokenException: 403,
  IncompleteSignatureException: 403,
  InvalidSignatureException: 403,
  UnrecognizedClientException: 403,
} as const;

export type ErrorName = keyof typeof STATUS;

/** A refusal as the client sees it. Its message says what is wrong and never holds a secret. */
export class ApiError extends Error {
  override readonly name: ErrorName;
  /** ARN; only with ResourceNotFoundException and TooManyTagsException. */
  readonly resourceName: string | undefined;

  constructor(name: ErrorName, message: string, resourceName?: string) {
    super(message);
    this.name = name;
    this.resourceName = resourceName;
  }

  get status(): number {
    return STATUS[this.name];
  }
}

export const invalid = (message: string) => new ApiError("InvalidRequestException", message);
export const illegal = (message: string) => new ApiError("IllegalActionException", message);
export const denied = (message: string) => new ApiError("AccessDeniedException", message);
export const exists = (message: string) => new ApiError("ResourceAlreadyExistsException", message);
export const notReady = (message: string) => new ApiError("ResourceNotReadyException", message);
export const limit = (message: string) => new ApiError("ResourceLimitExceededException", message);
export const notFound = (message: string, arn?: string) => new ApiError("ResourceNotFoundException", message, arn);
export const tooManyTags = (message: string, arn?: string) => new ApiError("TooManyTagsException", message, arn);

/** Only VoteOnProposal and RejectInvitation know IllegalActionException; elsewhere the same fact is an invalid request. */
export function fromRefusal(refusal: GovernanceRefusal, knowsIllegalAction: boolean): ApiError {
  const message = [refusal.message, refusal.nextStep]
    .filter((part) => part !== undefined)
    .map(sentence)
    .join(" ");
  switch (refusal.reason) {
    case "NOT_FOUND":
      return notFound(message);
    case "ILLEGAL_ACTION":
      return knowsIllegalAction ? illegal(message) : invalid(message);
    case "ALREADY_EXISTS":
      return exists(message);
    case "NOT_READY":
      return notReady(message);
    case "LIMIT_EXCEEDED":
      return limit(message);
    case "INVALID":
      return invalid(message);
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
