export * from "./config.js";
export * from "./log-levels.js";
