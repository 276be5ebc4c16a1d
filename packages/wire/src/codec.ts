/**
 * Encoding and decoding of protobuf messages, with one kind of failure.
 *
 * Encoding goes through one reused Writer: protobufjs starts each new Writer at 128 bytes and doubles from there,
 * which costs more than the encoding itself. Implicit defaults are left out, as Go and google-protobuf do, so the
 * bytes equal theirs.
 *
 * Decoding keeps unknown fields, as Go does: a config tree from a newer Fabric comes out as it went in. Nesting is
 * bounded (100 levels), text must be UTF-8, and bytes fields are views into what was decoded.
 */
import { HansaError } from "@hansa/primitives";
import $protobuf from "protobufjs/minimal.js";
import { asBuffer } from "./buffer.js";

/** Bytes from outside that are not the message they claim to be. */
export class WireError extends HansaError {
  override readonly name = "WireError";
  /** The message that did not parse, e.g. "common.Payload"; a missing one is named as well. */
  readonly what: string;

  constructor(what: string, message: string, options?: ErrorOptions) {
    super("MALFORMED_MESSAGE", message, options);
    this.what = what;
  }
}

type Encoder<T> = { encode(message: T, writer?: $protobuf.Writer): $protobuf.Writer };
type Decoder<T> = { decode(reader: $protobuf.Reader | Uint8Array): T };

/** A writer that once held something larger is given up, so that one big message does not keep its memory for good. */
const KEPT_WRITER_BYTES = 1 << 20;

let writer = $protobuf.Writer.create();

/** The message's bytes, in a buffer of their own. */
export function encode<T>(type: Encoder<T>, message: T): Uint8Array {
  // An encoding that threw half way leaves open forks behind; they must not lead the next one astray.
  writer.pos = 0;
  writer.states = null;
  const bytes = type.encode(message, writer).finish();
  if (bytes.length > KEPT_WRITER_BYTES) writer = $protobuf.Writer.create();
  return bytes;
}

/**
 * @param what the message's name for the error, e.g. "common.Envelope"
 * @throws WireError when the bytes are not such a message
 */
export function decode<T>(type: Decoder<T>, bytes: Uint8Array, what: string): T {
  try {
    const reader = $protobuf.Reader.create(asBuffer(bytes));
    reader.discardUnknown = false;
    return type.decode(reader);
  } catch (cause) {
    throw new WireError(what, `${bytes.length} bytes are not a valid ${what}`, { cause });
  }
}
