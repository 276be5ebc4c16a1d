/** Just enough tar (POSIX ustar) for chaincode packages: regular files, written and read in memory. */
import { HansaError } from "@hansa/primitives";

export type TarFile = { readonly name: string; readonly content: Uint8Array; readonly executable?: boolean };

const BLOCK = 512;

/** The same files give the same bytes on every machine: no times, no owners, in the order given. */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    parts.push(header(file), file.content);
    const rest = file.content.length % BLOCK;
    if (rest > 0) parts.push(Buffer.alloc(BLOCK - rest));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

function header(file: TarFile): Uint8Array {
  const { prefix, name } = splitName(file.name);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  block.write(name, 0, "utf8");
  octal(file.executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(file.content.length, 124, 12);
  octal(0, 136, 12);
  block.fill(0x20, 148, 156);
  block.write("0", 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(prefix, 345, "utf8");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** ustar keeps 100 bytes of name and, before a slash, 155 of prefix. */
function splitName(full: string): { prefix: string; name: string } {
  if (Buffer.byteLength(full) <= 100) return { prefix: "", name: full };
  for (let slash = full.indexOf("/"); slash > 0; slash = full.indexOf("/", slash + 1)) {
    const prefix = full.slice(0, slash);
    const name = full.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100 && name.length > 0) return { prefix, name };
  }
  throw new HansaError("CONTRACT_BUILD", `The path ${full} is too long for a chaincode package.`, {
    nextStep: "Shorten the file's name or the folders it lies in.",
  });
}

/** Regular files of a tar, with views into it. Anything else in it is left out. Stops at the first damaged header. */
export function readTar(tar: Uint8Array): TarFile[] {
  const bytes = Buffer.from(tar.buffer, tar.byteOffset, tar.length);
  const files: TarFile[] = [];
  for (let offset = 0; offset + BLOCK <= bytes.length; ) {
    const block = bytes.subarray(offset, offset + BLOCK);
    if (block[0] === 0) break;
    const size = Number.parseInt(text(block, 124, 12).trim() || "0", 8);
    if (!Number.isSafeInteger(size) || size < 0 || offset + BLOCK + size > bytes.length) break;
    const type = block[156];
    if (type === 0x30 || type === 0) {
      const prefix = text(block, 345, 155);
      const name = text(block, 0, 100);
      files.push({
        name: prefix === "" ? name : `${prefix}/${name}`,
        content: bytes.subarray(offset + BLOCK, offset + BLOCK + size),
      });
    }
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function text(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString("utf8", offset, end < 0 || end > offset + length ? offset + length : end);
}
