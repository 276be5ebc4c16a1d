export * from "./certificate.js";
export * from "./error.js";
export * from "./key.js";
export * from "./low-s.js";
export * from "./pem.js";
export * from "./revocation-list.js";
export * from "./signature.js";
export * from "./verify-memo.js";
