export * from "./assert.js";
export * from "./brand.js";
export * from "./bytes.js";
export * from "./environment.js";
export * from "./error.js";
export * from "./hash.js";
export * from "./lru.js";
export * from "./units.js";
