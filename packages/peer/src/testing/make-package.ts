/** Makes chaincode packages for tests: the counterpart of archive.ts, kept apart from it. */
import { gzipSync } from "node:zlib";

export type TarFile = { readonly path: string; readonly content: string | Uint8Array; readonly type?: string };

export function tarGz(files: readonly TarFile[]): Uint8Array {
  const blocks: Buffer[] = [];
  for (const { path, content, type = "0" } of files) {
    const body = Buffer.from(content as string);
    const header = Buffer.alloc(512);
    header.write(path, 0, 100, "utf8");
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write("ustar\u000000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export function makePackage(label: string, type: string, files: readonly TarFile[]): Uint8Array {
  return tarGz([
    { path: "metadata.json", content: JSON.stringify({ path: "", type, label }) },
    { path: "code.tar.gz", content: tarGz(files) },
  ]);
}

/** A contract with one module and the usual dependencies. */
export function makeNodePackage(label: string, source: string, manifest: Record<string, unknown> = {}): Uint8Array {
  return makePackage(label, "node", [
    {
      path: "src/package.json",
      content: JSON.stringify({
        name: label,
        version: "1.0.0",
        main: "index.js",
        scripts: { start: "fabric-chaincode-node start" },
        dependencies: { "fabric-contract-api": "~2.5", "fabric-shim": "~2.5" },
        ...manifest,
      }),
    },
    { path: "src/index.js", content: source },
  ]);
}
