/**
 * gRPC status codes and the error that carries one.
 * Source: grpc/grpc, doc/statuscodes.md; googleapis, google/rpc/status.proto for the packed details.
 */
import { concatBytes, fromUtf8 } from "@hansa/primitives";
import { FieldScanner, fieldHead, varintBytes } from "@hansa/wire";

export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** Source: grpc/grpc-go, codes/code_string.go. */
const GO_NAMES: readonly string[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

/** What Go, and so Fabric, calls a code in its texts and metrics. */
export function grpcCodeName(code: number): string {
  return GO_NAMES[code] ?? `Code(${code})`;
}

/**
 * A call's end with a code other than OK. Thrown by handlers it is sent; thrown by clients it was received.
 * `details` are encoded google.protobuf.Any messages.
 */
export class RpcStatus extends Error {
  override readonly name = "RpcStatus";
  readonly code: number;
  readonly details: readonly Uint8Array[];

  constructor(code: number, message: string, details: readonly Uint8Array[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Metadata key under which google.rpc.Status travels. */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

const bytesField = (number: number, bytes: Uint8Array) => concatBytes(fieldHead(number, bytes.length), bytes);

/** A google.protobuf.Any holding the given message. */
export function packAny(fullName: string, message: Uint8Array): Uint8Array {
  return concatBytes(bytesField(1, fromUtf8(`type.googleapis.com/${fullName}`)), bytesField(2, message));
}

/** google.rpc.Status{code = 1, message = 2, details = 3}. */
export function encodeStatusDetails(status: RpcStatus): Uint8Array {
  return concatBytes(
    Uint8Array.of(8),
    varintBytes(status.code),
    bytesField(2, fromUtf8(status.message)),
    ...status.details.map((detail) => bytesField(3, detail)),
  );
}

/** The details of an encoded google.rpc.Status; none where it does not parse, for details are a courtesy. */
export function decodeStatusDetails(bytes: Uint8Array): Uint8Array[] {
  const details: Uint8Array[] = [];
  try {
    const scanner = new FieldScanner(bytes, "google.rpc.Status");
    while (scanner.next()) if (scanner.number === 3 && scanner.wireType === 2) details.push(scanner.bytes);
  } catch {
    return [];
  }
  return details;
}

/** What the gRPC library says of a call that had no answer, without what it adds for its own developers. */
export function plainReason(text: string): string {
  return text
    .replace(/^(Deadline exceeded after [\d.]+s),.*$/s, "$1")
    .replace(
      /^No connection established\. Last error: (?:Error: )?(.*?)\.? ?Resolution note:.*$/s,
      "no connection: $1",
    );
}
