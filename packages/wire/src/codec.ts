/**
 * Encoding and decoding of protobuf messages, with one kind of failure.
 *
 * Encoding goes through one reused Writer: protobufjs 8 starts each new Writer at 128 bytes and doubles from there,
 * which costs more than the encoding itself. Implicit defaults are left out, as Go and google-protobuf do, so the
 * bytes equal theirs.
 */
import { HansaError } from "@hansa/primitives";
import $protobuf from "protobufjs/minimal.js";

/** Bytes from outside that are not the message they claim to be. */
export class WireError extends HansaError {
  override readonly name = "WireError";

  constructor(message: string, options?: ErrorOptions) {
    super("MALFORMED_MESSAGE", message, options);
  }
}

type Encoder<T> = { encode(message: T, writer?: $protobuf.Writer): $protobuf.Writer };
type Decoder<T> = { decode(reader: Uint8Array): T };

const writer = $protobuf.Writer.create();

/** The message's bytes, in a buffer of their own. */
export function encode<T>(type: Encoder<T>, message: T): Uint8Array {
  writer.reset();
  return type.encode(message, writer).finish();
}

/**
 * @param what the message's name for the error, e.g. "common.Envelope"
 * @throws WireError when the bytes are not such a message
 */
export function decode<T>(type: Decoder<T>, bytes: Uint8Array, what: string): T {
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new WireError(`${bytes.length} bytes are not a valid ${what}`, { cause });
  }
}
