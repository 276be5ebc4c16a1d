export type * from "./address.js";
export * from "./block.js";
export * from "./error.js";
export * from "./hash.js";
export * from "./proof.js";
export * from "./store.js";
export * from "./strand-id.js";
export * from "./tree.js";
