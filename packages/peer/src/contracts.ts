/** What is known of Node contracts besides running them: for those who run them by other means. */
export { type StartCommand, shimProgram, startCommand } from "./chaincode/build.js";
export { findShippedModules, type ShippedModule, type ShippedModules } from "./chaincode/shipped-modules.js";
export { satisfies } from "./chaincode/version-range.js";
