export * from "./conversation.js";
export * from "./error.js";
export * from "./limits.js";
export * from "./registry.js";
export * from "./shim-message.js";
export * from "./simulation.js";
