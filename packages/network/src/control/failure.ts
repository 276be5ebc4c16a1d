import { HansaError } from "@hansa/primitives";
import { GrpcStatus, packAny, RpcStatus } from "@hansa/transport";
import { decode, encode, FieldScanner, hansa } from "@hansa/wire";
import { asFileFailure } from "./file-failure.js";

const TYPE = "hansa.control.Failure";

/** An error as it travels over the control socket: its code and next step with it. */
export function failureStatus(error: unknown): unknown {
  const known = asFileFailure(error) ?? error;
  if (!(known instanceof HansaError)) return error;
  const { code, message, nextStep = "" } = known;
  const detail = encode(hansa.control.Failure, { code, message, nextStep });
  return new RpcStatus(GrpcStatus.FAILED_PRECONDITION, message, [packAny(TYPE, detail)], { cause: error });
}

/** The error that the other side threw; undefined when the status carries none. */
export function failureOf({ details }: RpcStatus): HansaError | undefined {
  for (const detail of details) {
    const scanner = new FieldScanner(detail, "google.protobuf.Any");
    let type = "";
    let value: Uint8Array | undefined;
    while (scanner.next()) {
      if (scanner.number === 1) type = Buffer.from(scanner.bytes).toString("utf8");
      else if (scanner.number === 2) value = scanner.bytes;
    }
    if (value === undefined || !type.endsWith(`/${TYPE}`)) continue;
    const { code, message, nextStep } = decode(hansa.control.Failure, value, TYPE);
    return new HansaError(code, message, nextStep === "" ? {} : { nextStep });
  }
  return undefined;
}
