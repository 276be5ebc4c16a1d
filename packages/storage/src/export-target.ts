/** Where an export lies, as people say it: a folder, or s3://bucket/prefix. */
import path from "node:path";
import type { ExportStore } from "@hansa/journal";
import { HansaError } from "@hansa/primitives";
import { FolderExportStore } from "./export-folder.js";
import { S3ExportStore, type S3Options } from "./export-s3.js";

export type ExportTarget = {
  readonly store: ExportStore;
  readonly prefix: string;
  /** What a manifest calls the bucket: its name, or that of the folder. */
  readonly bucket: string;
  close(): Promise<void>;
};

/** @throws HansaError USAGE */
export function exportTarget(place: string, cwd: string, options: S3Options = {}): ExportTarget {
  if (place.startsWith("s3:")) {
    const found = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(place);
    if (found === null) {
      throw new HansaError("USAGE", `"${place}" names no bucket.`, { nextStep: "Write it like s3://bucket/prefix." });
    }
    const [, bucket = "", prefix = ""] = found;
    const store = new S3ExportStore(bucket, options);
    return { store, prefix, bucket, close: () => store.close() };
  }
  if (place === "") {
    throw new HansaError("USAGE", "The place has no name.", { nextStep: "Name a folder, or s3://bucket/prefix." });
  }
  const folder = path.resolve(cwd, place);
  return { store: new FolderExportStore(folder), prefix: "", bucket: path.basename(folder), close: async () => {} };
}
