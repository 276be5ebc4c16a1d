export { REGISTRAR_POWERS } from "./attribute-rules.js";
export {
  type Ask,
  type BlocksFrom,
  CaClient,
  type CaInfo,
  caSigner,
  type EnactmentRequest,
  type NewIdentity,
} from "./client.js";
export * from "./error.js";
export type { CertificateAsk, Registration } from "./registration.js";
export type { Attribute, IdentityType } from "./registry.js";
export { createOrganizationRoots, type OrganizationRoots, type RootsRequest, storeOrganizationRoots } from "./roots.js";
export type { CaSigner } from "./signed-requests.js";
export { type CaConfig, type RunningCa, startCa } from "./start.js";
