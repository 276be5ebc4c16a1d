export { networkShape, type NetworkFile } from "./config/file-shape.js";
export type * from "./config/network-config.js";
export { parseNetworkFile, parseNetworkObject } from "./config/parse.js";
export { NetworkFileError } from "./config/problems.js";
export { jsonSchema } from "./config/shape.js";
