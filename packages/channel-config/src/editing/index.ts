export { configFromJson, configOfJson, configToJson } from "./config-json.js";
export { type Finding, findLockouts, type Surroundings } from "./lockout.js";
export { missingSignatures, type SignatureNeed, signaturesFor } from "./signatures.js";
export { explainChange } from "./words.js";
