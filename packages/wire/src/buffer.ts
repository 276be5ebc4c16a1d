/** A Buffer over the same memory: views of it are Buffers too, whatever the caller had. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export const EMPTY: Uint8Array = Buffer.alloc(0);
