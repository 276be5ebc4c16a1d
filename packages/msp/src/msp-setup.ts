/**
 * Reads and checks the configuration of one member: CAs, revocation lists, unit rules, administrators.
 * Follows Fabric's MSP of version 1.4.3, which every channel with V2_0 application capabilities uses.
 * Source: hyperledger/fabric, msp/mspimplsetup.go.
 */
import { Certificate, RevocationList, type SignatureHash } from "@hansa/crypto";
import { type Bytes, bytesKey, equalBytes, type MspId, sha256Of, toUtf8 } from "@hansa/primitives";
import type { msp } from "@hansa/wire";
import { type CaPool, uniqueChain } from "./chain.js";
import { MspError, withContext } from "./error.js";

/** A unit name, bound to one chain of CAs when `certifiers` is set (SHA-256 over the chain's certificates). */
export type UnitRule = { unit: string; certifiers: Bytes | undefined };

export type NodeUnits = {
  client: UnitRule | undefined;
  peer: UnitRule | undefined;
  admin: UnitRule | undefined;
  orderer: UnitRule | undefined;
};

export type MspSetup = {
  id: MspId;
  pool: CaPool;
  /** Bytes of CA certificates that have CAs below them; those may not certify identities. */
  innerCas: ReadonlySet<string>;
  revocationLists: readonly RevocationList[];
  /** When not empty, an identity needs one of these units from one of these certifiers. */
  units: ReadonlyMap<string, readonly Bytes[]>;
  /** Undefined when the member does not tell clients, peers, admins and orderers apart. */
  nodeUnits: NodeUnits | undefined;
  admins: readonly Certificate[];
  signatureHash: SignatureHash;
  tlsPool: CaPool;
};

const HASHES: Readonly<Record<string, SignatureHash>> = { "": "sha256", SHA2: "sha256", SHA3: "sha3-256" };

/** @throws MspError INVALID_CONFIG with what is wrong */
export function setUp(config: msp.IFabricMSPConfig): MspSetup {
  const id = config.name ?? "";
  return withContext("INVALID_CONFIG", `MSP ${id || "without a name"}`, () => {
    if (id === "") throw new MspError("INVALID_CONFIG", "the MSP must have a name");
    const signatureHash = HASHES[config.cryptoConfig?.signatureHashFamily ?? ""];
    if (signatureHash === undefined) {
      const family = config.cryptoConfig?.signatureHashFamily;
      throw new MspError("INVALID_CONFIG", `hash family not recognized [${family}]`);
    }
    const pool = readCas(config.rootCerts ?? [], config.intermediateCerts ?? []);
    const revocationLists = (config.revocationList ?? []).map((bytes) =>
      withContext("INVALID_CONFIG", "could not parse RevocationList", () => RevocationList.parse(bytes)),
    );
    const innerCas = checkCas(pool, revocationLists);
    const tlsPool = {
      roots: distinct((config.tlsRootCerts ?? []).map(parseCertificate)),
      intermediates: distinct((config.tlsIntermediateCerts ?? []).map(parseCertificate)),
    };
    checkCas(tlsPool, []);
    const certifiersIn = certifierReader(pool, innerCas);
    const units = readUnits(config.organizationalUnitIdentifiers ?? [], certifiersIn);
    const nodeUnits = readNodeUnits(config.fabricNodeOus, certifiersIn);
    const admins = (config.admins ?? []).map((bytes) => sanitize(parseCertificate(bytes), pool));
    if (admins.length === 0 && nodeUnits?.admin === undefined) {
      throw new MspError("INVALID_CONFIG", "administrators must be declared when no admin ou classification is set");
    }
    return { id, pool, innerCas, revocationLists, units, nodeUnits, admins, signatureHash, tlsPool };
  });
}

export function parseCertificate(pem: Bytes): Certificate {
  return Certificate.parse(toUtf8(pem));
}

function readCas(rootPems: readonly Bytes[], intermediatePems: readonly Bytes[]): CaPool {
  if (rootPems.length === 0) throw new MspError("INVALID_CONFIG", "expected at least one CA certificate");
  const received = {
    roots: distinct(rootPems.map(parseCertificate)),
    intermediates: distinct(intermediatePems.map(parseCertificate)),
  };
  return {
    roots: distinct(received.roots.map((root) => sanitize(root, received))),
    intermediates: distinct(received.intermediates.map((each) => sanitize(each, received))),
  };
}

function distinct(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map((each) => [bytesKey(each.raw), each])).values()];
}

/**
 * The certificate with low S in its issuer's signature. As in Fabric this needs the issuer, so a certificate with an
 * ECDSA signature and no single chain is refused here already.
 * @throws MspError UNTRUSTED
 */
export function sanitize(certificate: Certificate, pool: CaPool): Certificate {
  if (!certificate.isEcdsaSigned) return certificate;
  if (certificate.isIssuedBy(certificate)) {
    const root = certificate.sanitized(certificate);
    uniqueChain(root, { ...pool, roots: [root] });
    return root;
  }
  const issuer = uniqueChain(certificate, pool)[1];
  if (issuer === undefined) {
    throw new MspError(
      "UNTRUSTED",
      `failed to traverse certificate verification chain for leaf or intermediate certificate, with subject ${certificate.subject}`,
    );
  }
  return certificate.sanitized(issuer);
}

/** Returns the certificates that stand above another CA. */
function checkCas(pool: CaPool, revocationLists: readonly RevocationList[]): ReadonlySet<string> {
  const inner = new Set<string>();
  for (const ca of [...pool.roots, ...pool.intermediates]) {
    const serial = `(SN: ${ca.serialHex})`;
    if (!ca.isCa) throw new MspError("INVALID_CONFIG", `CA Certificate did not have the CA attribute, ${serial}`);
    if (ca.subjectKeyId === undefined) {
      throw new MspError(
        "INVALID_CONFIG",
        `CA Certificate problem with Subject Key Identifier extension, ${serial}: subjectKeyIdentifier not found in certificate`,
      );
    }
    const chain = withContext("INVALID_CONFIG", `CA Certificate is not valid, ${serial}`, () => uniqueChain(ca, pool));
    const issuer = chain[1];
    if (issuer === undefined) continue;
    const revoked = revocationFlaw(ca, issuer, revocationLists);
    if (revoked !== undefined) {
      throw new MspError("INVALID_CONFIG", `CA Certificate is not valid, ${serial}: ${revoked.message}`);
    }
    for (const above of chain.slice(1)) inner.add(bytesKey(above.raw));
  }
  return inner;
}

/** Revocation as a peer judges it: at once and for ever, whatever date the list gives. */
export function revocationFlaw(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly RevocationList[],
): MspError | undefined {
  if (lists.length === 0) return undefined;
  const keyId = issuer.subjectKeyId;
  if (keyId === undefined) {
    return new MspError("UNTRUSTED", "could not obtain Subject Key Identifier for signer cert");
  }
  for (const list of lists) {
    if (list.authorityKeyId === undefined) {
      return new MspError("UNTRUSTED", "could not obtain Authority Key Identifier for crl");
    }
    if (!equalBytes(list.authorityKeyId, keyId)) continue;
    if (list.has(certificate.serialHex) && list.isSignedBy(issuer)) {
      return new MspError("REVOKED", "The certificate has been revoked");
    }
  }
  return undefined;
}

/** SHA-256 over the DER of a CA and all above it. */
export function certifiersOf(chain: readonly Certificate[]): Bytes {
  return sha256Of(chain.map((certificate) => certificate.raw));
}

type CertifierReader = (pem: Bytes) => Bytes;

/** Rules mostly name the same CA again and again, so each is worked out once. */
function certifierReader(pool: CaPool, innerCas: ReadonlySet<string>): CertifierReader {
  const known = new Map<string, Bytes>();
  return (pem) => {
    const key = bytesKey(pem);
    const certifiers = known.get(key) ?? readCertifiers(pem, pool, innerCas);
    known.set(key, certifiers);
    return certifiers;
  };
}

function readCertifiers(pem: Bytes, pool: CaPool, innerCas: ReadonlySet<string>): Bytes {
  const ca = sanitize(parseCertificate(pem), pool);
  const isOneOf = (list: readonly Certificate[]) => list.some((each) => equalBytes(each.raw, ca.raw));
  if (isOneOf(pool.roots)) return certifiersOf([ca]);
  if (!isOneOf(pool.intermediates)) {
    throw new MspError(
      "INVALID_CONFIG",
      `Failed adding OU. Certificate [${ca.subject}] not in root or intermediate certs.`,
    );
  }
  if (innerCas.has(bytesKey(ca.raw))) {
    throw new MspError(
      "INVALID_CONFIG",
      "invalid validation chain. Parent certificate should be a leaf of the certification tree",
    );
  }
  return certifiersOf(uniqueChain(ca, pool));
}

function readUnits(
  identifiers: readonly msp.IFabricOUIdentifier[],
  certifiersIn: CertifierReader,
): ReadonlyMap<string, readonly Bytes[]> {
  const units = new Map<string, Bytes[]>();
  for (const { organizationalUnitIdentifier: unit, certificate } of identifiers) {
    const certifiers = withContext("INVALID_CONFIG", `failed getting certificate for [${unit}]`, () =>
      certifiersIn(certificate ?? new Uint8Array(0)),
    );
    const known = units.get(unit ?? "") ?? [];
    if (!known.some((each) => equalBytes(each, certifiers))) known.push(certifiers);
    units.set(unit ?? "", known);
  }
  return units;
}

function readNodeUnits(
  config: msp.IFabricNodeOUs | null | undefined,
  certifiersIn: CertifierReader,
): NodeUnits | undefined {
  if (!config) return undefined;
  const read = (identifier: msp.IFabricOUIdentifier | null | undefined): UnitRule | undefined => {
    if (!identifier) return undefined;
    const bound =
      identifier.certificate !== undefined && identifier.certificate !== null && identifier.certificate.length > 0;
    return {
      unit: identifier.organizationalUnitIdentifier ?? "",
      certifiers: bound ? certifiersIn(identifier.certificate as Bytes) : undefined,
    };
  };
  const units: NodeUnits = {
    client: read(config.clientOuIdentifier),
    peer: read(config.peerOuIdentifier),
    admin: read(config.adminOuIdentifier),
    orderer: read(config.ordererOuIdentifier),
  };
  const isEmpty = Object.values(units).every((unit) => unit === undefined);
  return config.enable === true && !isEmpty ? units : undefined;
}
