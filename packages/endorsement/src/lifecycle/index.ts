export * from "./definition.js";
export * from "./error.js";
export * from "./keys.js";
export * from "./reading.js";
