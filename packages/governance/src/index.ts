export * from "./acts.js";
export * from "./state.js";
