export type * from "./address.js";
export * from "./block.js";
export * from "./error.js";
export { blockValue } from "./export/block-value.js";
export type { ExportManifest, ExportStore } from "./export/layout.js";
export {
  BadExport,
  type ExportLocation,
  type ExportVerdict,
  type OpenedExport,
  openExport,
  verifyExport,
} from "./export/read-export.js";
export { EXPORT_FORMATS, type ExportFormat } from "./export/value.js";
export { type ExportRequest, type ExportSummary, writeExport } from "./export/write-export.js";
export type { Join } from "./fold.js";
export { compareHashes, rootFrom } from "./fold.js";
export * from "./hash.js";
export * from "./log.js";
export * from "./proof.js";
export * from "./receipt.js";
export { RunningRoot } from "./running-root.js";
export * from "./store.js";
export * from "./strand-id.js";
export {
  blockRecords,
  controlRecord,
  type StreamIdentity,
  type StreamRecord,
  type StreamRecordType,
  streamRecordBytes,
} from "./stream/records.js";
export * from "./tree.js";
