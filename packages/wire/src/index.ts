export * from "../generated/messages.js";
export * from "../generated/services.js";
export * from "./block.js";
export { asBuffer } from "./buffer.js";
export * from "./codec.js";
export * from "./envelope.js";
export * from "./integers.js";
export * from "./names.js";
export * from "./scan.js";
