/**
 * Certification chains, built the way Go's crypto/x509 builds them, because a real peer accepts exactly those.
 *
 * Fabric asks for chains at the moment one second after the leaf became valid, not now: a block that was valid once
 * must stay valid. It leaves the wanted key purpose empty, which Go reads as "server authentication": a certificate
 * whose extended key usage lacks that (and "any") has no chain.
 * Source: golang/go, src/crypto/x509/verify.go; hyperledger/fabric, msp/mspimplvalidate.go.
 */
import { type Certificate, Oid } from "@hansa/crypto";
import { equalBytes } from "@hansa/primitives";
import { MspError } from "./error.js";

export type CaPool = { readonly roots: readonly Certificate[]; readonly intermediates: readonly Certificate[] };

/** Go gives up after this many signature checks for one leaf. */
const MAX_SIGNATURE_CHECKS = 100;

/** Critical extensions that Go's verifier knows; any other one makes a certificate unusable. */
const KNOWN_CRITICAL: ReadonlySet<string> = new Set([
  Oid.keyUsage,
  Oid.basicConstraints,
  Oid.subjectAltName,
  Oid.nameConstraints,
  Oid.authorityKeyId,
  Oid.extendedKeyUsage,
  Oid.subjectKeyId,
  "2.5.29.31",
  "2.5.29.32",
  "1.3.6.1.5.5.7.1.1",
]);

type Role = "leaf" | "intermediate" | "root";

/** The moment for which Fabric judges a chain. */
export function judgedAtMs(certificate: Certificate): number {
  return certificate.notBeforeMs + 1000;
}

/**
 * The one chain from `leaf` to a root, leaf first. A certificate that is itself one of the roots is its own chain.
 * @throws MspError UNTRUSTED when there is none or more than one
 */
export function uniqueChain(leaf: Certificate, pool: CaPool): readonly Certificate[] {
  const { chains, hint } = findChains(leaf, pool, judgedAtMs(leaf));
  const [chain] = chains;
  if (chain === undefined) throw new MspError("UNTRUSTED", `the supplied identity is not valid: x509: ${hint}`);
  if (chains.length > 1) {
    throw new MspError("UNTRUSTED", `this MSP only supports a single validation chain, got ${chains.length}`);
  }
  refuseNameConstraints(chain);
  return chain;
}

function findChains(leaf: Certificate, pool: CaPool, atMs: number): { chains: Certificate[][]; hint: string } {
  let hint = flaw(leaf, "leaf", [], atMs);
  if (hint !== undefined) return { chains: [], hint };
  let checks = 0;
  const found: Certificate[][] = [];

  const extend = (chain: readonly Certificate[]): void => {
    const child = chain.at(-1) as Certificate;
    for (const [role, candidates] of [["root", pool.roots] as const, ["intermediate", pool.intermediates] as const]) {
      for (const candidate of candidates) {
        if (!equalBytes(candidate.subjectRaw, child.issuerRaw)) continue;
        if (chain.some((member) => isSameEntity(member, candidate))) continue;
        if (++checks > MAX_SIGNATURE_CHECKS) return;
        const problem =
          flaw(candidate, role, chain, atMs) ?? (child.isIssuedBy(candidate) ? undefined : UNKNOWN_AUTHORITY);
        if (problem !== undefined) hint ??= problem;
        else if (role === "root") found.push([...chain, candidate]);
        else extend([...chain, candidate]);
      }
    }
  };

  if (pool.roots.some((root) => equalBytes(root.raw, leaf.raw))) found.push([leaf]);
  else extend([leaf]);
  const chains = found.filter(servesPurpose);
  if (chains.length === 0 && found.length > 0) hint = "certificate specifies an incompatible key usage";
  return { chains, hint: hint ?? UNKNOWN_AUTHORITY };
}

const UNKNOWN_AUTHORITY = "certificate signed by unknown authority";

function flaw(certificate: Certificate, role: Role, below: readonly Certificate[], atMs: number): string | undefined {
  if (certificate.extensions.some((extension) => extension.critical && !KNOWN_CRITICAL.has(extension.oid))) {
    return "unhandled critical extension";
  }
  if (atMs < certificate.notBeforeMs || atMs > certificate.notAfterMs) {
    return "certificate has expired or is not yet valid";
  }
  if (role === "leaf") return undefined;
  const constraints = certificate.basicConstraints;
  if (constraints?.isCa !== true) return "certificate is not authorized to sign other certificates";
  if (constraints.maxPathLength !== undefined && below.length - 1 > constraints.maxPathLength) {
    return "too many intermediates for path length constraint";
  }
  return undefined;
}

/** Same name, key and alternative names: adding it would make a circle. */
function isSameEntity(a: Certificate, b: Certificate): boolean {
  if (!equalBytes(a.subjectRaw, b.subjectRaw) || !equalBytes(a.publicKeyRaw, b.publicKeyRaw)) return false;
  const left = a.extension(Oid.subjectAltName)?.value;
  const right = b.extension(Oid.subjectAltName)?.value;
  return left === undefined || right === undefined ? left === right : equalBytes(left, right);
}

function servesPurpose(chain: readonly Certificate[]): boolean {
  return chain.every((certificate) => {
    const purposes = certificate.extendedKeyUsage;
    return purposes.length === 0 || purposes.includes(Oid.serverAuth) || purposes.includes(Oid.anyExtendedKeyUsage);
  });
}

/**
 * Name constraints of CAs are not evaluated, so a leaf that they could apply to is refused rather than let through:
 * one with alternative names, or whose common name looks like a host (as Go 1.14 judged, which Fabric keeps).
 */
function refuseNameConstraints(chain: readonly Certificate[]): void {
  const [leaf, ...issuers] = chain;
  if (leaf === undefined || !issuers.some((issuer) => issuer.extension(Oid.nameConstraints) !== undefined)) return;
  if (leaf.extension(Oid.subjectAltName) === undefined && !looksLikeHost(leaf.subjectCommonName)) return;
  throw new MspError("UNTRUSTED", "the supplied identity is not valid: x509: its issuer constrains names");
}

function looksLikeHost(name: string): boolean {
  const labels = name.replace(/\.$/, "").split(".");
  return labels.every((label, at) => (at === 0 && label === "*") || /^[A-Za-z0-9_:][A-Za-z0-9_:-]*$/.test(label));
}
