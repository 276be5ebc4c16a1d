/** Between the messages of proto/hansa/ca.proto and the authority's own types. */
import { type hansa, toLong, toNumber } from "@hansa/wire";
import { CaError } from "./error.js";
import type { CertificateAsk, Registration } from "./registration.js";
import type { IdentityType } from "./registry.js";

export function readAsk(ask: hansa.ca.ICertificateAsk | null | undefined): CertificateAsk {
  const profile = ask?.profile ?? "";
  if (profile !== "" && profile !== "tls") {
    throw new CaError("BAD_REQUEST", `profile "${profile}" is neither "" (identity) nor "tls"`);
  }
  return {
    csrPem: ask?.csrPem ?? "",
    profile,
    attributeRequests: (ask?.attributeRequests ?? []).map((each) => ({
      name: each.name ?? "",
      optional: each.optional ?? false,
    })),
    validityMs: toNumber(ask?.validityMs ?? 0),
  };
}

export function writeAsk(ask: Partial<CertificateAsk> & Pick<CertificateAsk, "csrPem">): hansa.ca.ICertificateAsk {
  return {
    csrPem: ask.csrPem,
    profile: ask.profile ?? "",
    attributeRequests: (ask.attributeRequests ?? []).map((each) => ({ ...each })),
    validityMs: toLong(ask.validityMs ?? 0),
  };
}

/** The authority checks what the fields hold. */
export function readRegistration(message: hansa.ca.IRegisterRequest | null | undefined): Registration {
  return {
    id: message?.enrollmentId ?? "",
    type: (message?.type ?? "") as IdentityType,
    affiliation: message?.affiliation ?? "",
    attributes: (message?.attributes ?? []).map((each) => ({
      name: each.name ?? "",
      value: each.value ?? "",
      ecert: each.ecert ?? false,
    })),
    maxEnrollments: message?.maxEnrollments ?? 0,
    secret: message?.secret ?? "",
  };
}

export function writeRegistration(
  registration: Partial<Registration> & Pick<Registration, "id" | "type">,
): hansa.ca.IRegisterRequest {
  return {
    enrollmentId: registration.id,
    type: registration.type,
    affiliation: registration.affiliation ?? "",
    attributes: (registration.attributes ?? []).map((each) => ({ ...each })),
    maxEnrollments: registration.maxEnrollments ?? 0,
    secret: registration.secret ?? "",
  };
}
