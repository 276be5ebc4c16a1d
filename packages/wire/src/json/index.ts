export { JsonError } from "./error.js";
export { fromJson, messageFromJson } from "./from-json.js";
export { isMessage } from "./tables.js";
export { type Json, type JsonObject, messageToJson, toJson } from "./to-json.js";
