/** Certificate revocation lists. */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  CRLNumber,
  CRLReason,
  type CRLReasons,
  Extensions,
  RevokedCertificate,
  Time,
  Version,
} from "@peculiar/asn1-x509";
import { contextTag, derElement, Tag } from "../der.js";
import { toPem } from "../pem.js";
import { authorityExtension, issuerKeyId, wholeSeconds } from "./certificates.js";
import { algorithmOf, arrayBuffer, checkIssuer, encoded, extensionOf, type Issuer, signBody } from "./encoding.js";

/** Names and numbers of RFC 5280, as fabric-ca spells them in lower case. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keycompromise: 1,
  cacompromise: 2,
  affiliationchange: 3,
  superseded: 4,
  cessationofoperation: 5,
  certificatehold: 6,
  removefromcrl: 8,
  privilegewithdrawn: 9,
  aacompromise: 10,
} as const;

export type RevocationReason = keyof typeof REVOCATION_REASONS;

export type RevokedSerial = { serialHex: string; revokedAtMs: number; reason?: RevocationReason };

const CRL_NUMBER = "2.5.29.20";
const CRL_REASON = "2.5.29.21";

/** PEM, version 2, with authority key id (Fabric finds the list by it) and a number that must grow. */
export function createRevocationList(request: {
  issuer: Issuer;
  revoked: readonly RevokedSerial[];
  number: number;
  nowMs: number;
  nextUpdateMs: number;
}): string {
  checkIssuer(request.issuer);
  const entries = request.revoked.map(
    (entry) =>
      new RevokedCertificate({
        userCertificate: arrayBuffer(serialBytes(entry.serialHex)),
        revocationDate: new Time(wholeSeconds(entry.revokedAtMs)),
        crlEntryExtensions:
          entry.reason === undefined || entry.reason === "unspecified"
            ? undefined
            : [extensionOf(CRL_REASON, AsnConvert.serialize(reasonOf(entry.reason)))],
      }),
  );
  const extensions = new Extensions([
    authorityExtension(issuerKeyId(request.issuer)),
    extensionOf(CRL_NUMBER, AsnConvert.serialize(new CRLNumber(request.number))),
  ]);
  const body = derElement(
    Tag.sequence,
    derElement(Tag.integer, Buffer.from([Version.v2])),
    algorithmOf(request.issuer.key),
    request.issuer.certificate.subjectRaw,
    encoded(new Time(wholeSeconds(request.nowMs))),
    encoded(new Time(wholeSeconds(request.nextUpdateMs))),
    ...(entries.length === 0 ? [] : [derElement(Tag.sequence, ...entries.map(encoded))]),
    derElement(contextTag(0), encoded(extensions)),
  );
  return toPem("X509 CRL", signBody(body, request.issuer.key));
}

function reasonOf(reason: RevocationReason): CRLReason {
  return new CRLReason(REVOCATION_REASONS[reason] as CRLReasons);
}

function serialBytes(hex: string): Buffer {
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}
