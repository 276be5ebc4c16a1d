/**
 * A chaincode package: metadata.json and code.tar.gz in one gzipped tar.
 * Its id is label ":" hex SHA-256 of the package's bytes, and texts of errors are those that clients see from Fabric.
 * Source: hyperledger/fabric, core/chaincode/persistence/chaincode_package.go.
 */
import { HansaError, sha256Hex, toUtf8 } from "@hansa/primitives";
import { type ArchiveLimits, readArchive } from "./archive.js";

export type PackageMetadata = { readonly label: string; readonly type: string; readonly path: string };

export type ChaincodePackage = {
  readonly metadata: PackageMetadata;
  /** metadata.json as it came. */
  readonly metadataRaw: Uint8Array;
  readonly code: Uint8Array;
};

export class PackageError extends HansaError {
  override readonly name = "PackageError";
}

const OUTER_LIMITS: ArchiveLimits = { maxBytes: 256 * 1024 * 1024, maxEntries: 64 };
const LABEL = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;

/** @throws PackageError or ArchiveError with Fabric's text */
export async function readPackage(bytes: Uint8Array): Promise<ChaincodePackage> {
  let metadata: PackageMetadata | undefined;
  let metadataRaw: Uint8Array | undefined;
  let code: Uint8Array | undefined;
  for (const entry of await readArchive(bytes, OUTER_LIMITS)) {
    if (entry.path === "metadata.json") {
      metadata = readMetadata(entry.content);
      metadataRaw = entry.content;
    } else if (entry.path === "code.tar.gz") code = entry.content;
  }
  if (code === undefined) {
    throw new PackageError("PACKAGE_WITHOUT_CODE", "did not find a code package inside the package");
  }
  if (metadata === undefined || metadataRaw === undefined) {
    throw new PackageError("PACKAGE_WITHOUT_METADATA", "did not find any package metadata (missing metadata.json)");
  }
  if (!LABEL.test(metadata.label)) {
    throw new PackageError(
      "PACKAGE_LABEL_INVALID",
      `invalid label '${metadata.label}'. Label must be non-empty, can only consist of alphanumerics, symbols from '.+-_', and can only begin with alphanumerics`,
    );
  }
  return { metadata, metadataRaw, code };
}

export function packageIdOf(label: string, bytes: Uint8Array): string {
  return `${label}:${sha256Hex(bytes)}`;
}

function readMetadata(bytes: Uint8Array): PackageMetadata {
  let value: unknown;
  try {
    value = JSON.parse(toUtf8(bytes));
  } catch (cause) {
    throw new PackageError("PACKAGE_METADATA_INVALID", "could not unmarshal metadata.json as json", { cause });
  }
  const fields = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const field = (name: string): string => {
    const found = fields[name] ?? "";
    if (typeof found === "string") return found;
    throw new PackageError("PACKAGE_METADATA_INVALID", `could not unmarshal metadata.json as json: ${name} is no text`);
  };
  return { label: field("label"), type: field("type").toLowerCase(), path: field("path") };
}
