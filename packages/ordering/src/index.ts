export * from "./admit.js";
export * from "./block-assembly.js";
export * from "./chain.js";
export { type BatchLimits, nothingPending, order, type Pending, type Sized } from "./cutter.js";
export { expiryOf, hasExpired, messageBytes } from "./filters.js";
export { DEFAULT_PACE, type PaceSettings } from "./pace.js";
export * from "./route.js";
export * from "./seek.js";
