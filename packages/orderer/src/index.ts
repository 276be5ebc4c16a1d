export type { OrdererConfig } from "./config.js";
export { type RunningOrderer, startOrderer } from "./orderer.js";
export { ParticipationError, type ParticipationFault } from "./registrar.js";
