export {
  BACKDATE_MS,
  type CaRequest,
  type CertificateRequest,
  createIntermediateCa,
  createRootCa,
  issueCertificate,
  type KeyedCertificate,
} from "./certificates.js";
export type { Issuer, Subject } from "./encoding.js";
export { createCsr, type ReadRequest, readCsr } from "./requests.js";
export { createRevocationList, REVOCATION_REASONS, type RevocationReason, type RevokedSerial } from "./revocation.js";
