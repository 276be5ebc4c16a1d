/** Who may revoke what, and what is noted of it. */
import { REVOCATION_REASONS, type RevocationReason } from "@hansa/crypto/issuing";
import type { UnixMs } from "@hansa/primitives";
import { hasPower, REVOKER } from "./attribute-rules.js";
import { CaError } from "./error.js";
import { checkMayManage } from "./registration.js";
import type { Authority, IssuedCertificate, RegisteredIdentity, Registry, RegistryRecord } from "./registry.js";

/** An identity with all its certificates, or one certificate; `authority` when the serial number alone does not say. */
export type RevocationTarget = { id: string; serialHex: string; reason: string; authority?: Authority };

/** What was not revoked before, and the records that revoke it; none when all was. */
export type Revocation = {
  readonly certificates: readonly IssuedCertificate[];
  readonly records: readonly RegistryRecord[];
};

/** @throws CaError BAD_REQUEST, NOT_FOUND, FORBIDDEN */
export function judgeRevocation(
  registry: Registry,
  caller: RegisteredIdentity,
  target: RevocationTarget,
  atMs: UnixMs,
): Revocation {
  const reason = reasonOf(target);
  if ((target.id === "") === (target.serialHex === "")) {
    throw new CaError("BAD_REQUEST", "a revocation names either an enrolment id or a serial number");
  }
  const named = target.id === "" ? bySerial(registry, target) : registry.certificatesOf(target.id);
  const owner = target.id === "" ? named[0]?.id : target.id;
  const identity = owner === undefined ? undefined : registry.identity(owner);
  if (identity === undefined) {
    throw new CaError(
      "NOT_FOUND",
      target.id === "" ? `no certificate with serial number ${target.serialHex}` : `no identity "${target.id}"`,
    );
  }
  if (identity.id !== caller.id) {
    if (!hasPower(caller, REVOKER))
      throw new CaError("FORBIDDEN", `"${caller.id}" may not revoke: it lacks ${REVOKER}`);
    checkMayManage(caller, identity);
  }
  const certificates = named.filter((each) => each.revocation === undefined);
  const isNew = target.id !== "" && !identity.revoked;
  if (certificates.length === 0 && !isNew) return { certificates, records: [] };
  const record: RegistryRecord = {
    kind: "revocation",
    id: target.id === "" ? undefined : target.id,
    certificates: certificates.map(({ authority, serialHex }) => ({ authority, serialHex })),
    reason,
    atMs,
  };
  return { certificates, records: [record] };
}

function reasonOf(target: RevocationTarget): RevocationReason {
  const reason = target.reason === "" ? "unspecified" : target.reason.toLowerCase();
  if (Object.hasOwn(REVOCATION_REASONS, reason)) return reason as RevocationReason;
  const known = Object.keys(REVOCATION_REASONS).join(", ");
  throw new CaError("BAD_REQUEST", `"${target.reason}" is no reason for a revocation; known are ${known}`);
}

function bySerial(registry: Registry, target: RevocationTarget): readonly IssuedCertificate[] {
  const serialHex = target.serialHex.toLowerCase().replace(/^(?:0x)?0*(?=.)/, "");
  return registry
    .certificatesBySerial(evenDigits(serialHex))
    .filter(({ authority }) => target.authority === undefined || authority === target.authority);
}

function evenDigits(hex: string): string {
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}
