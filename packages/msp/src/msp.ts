/**
 * One member's membership rules: which certificates are its identities, and what they may be taken for.
 * Source: hyperledger/fabric, msp/mspimpl.go and mspimplvalidate.go (MSP version 1.4.3 and 3.0).
 */
import { type Certificate, keyAlgorithm, type SignatureHash, sharedVerifyMemo, type VerifyMemo } from "@hansa/crypto";
import { type Bytes, bytesKey, equalBytes, fromUtf8, type MspId, NO_BYTES } from "@hansa/primitives";
import { common, msp } from "@hansa/wire";
import { uniqueChain } from "./chain.js";
import { MspError, withContext } from "./error.js";
import { Identity, type IdentityRules, type Roles } from "./identity.js";
import { certifiersOf, type MspSetup, parseCertificate, revocationFlaw, sanitize, setUp } from "./msp-setup.js";

export type MspOptions = {
  /**
   * Whether Ed25519 keys may be identities. Fabric allows them from channel capability V3_0 on; pass false for
   * channels without it that real peers share. Default true.
   */
  ed25519?: boolean;
  /** Where verified signatures are remembered; null turns that off. Default: the memo that the process shares. */
  verifyMemo?: VerifyMemo | null;
};

const NO_ROLES: Roles = { client: false, peer: false, admin: false, orderer: false };

/** COMBINED principals nest; deeper than any real policy. */
const MAX_PRINCIPAL_DEPTH = 16;

type NodeRole = keyof Roles;

export class Msp implements IdentityRules {
  readonly id: MspId;
  readonly verifyMemo: VerifyMemo | undefined;
  readonly #setup: MspSetup;
  readonly #ed25519: boolean;

  private constructor(setup: MspSetup, options: MspOptions) {
    this.id = setup.id;
    this.#setup = setup;
    this.#ed25519 = options.ed25519 ?? true;
    this.verifyMemo = options.verifyMemo === undefined ? sharedVerifyMemo : (options.verifyMemo ?? undefined);
    this.#checkAdmins();
  }

  /**
   * @param config msp.MSPConfig, or the bytes of msp.FabricMSPConfig
   * @throws MspError INVALID_CONFIG
   */
  static fromConfig(config: msp.IMSPConfig | Bytes, options: MspOptions = {}): Msp {
    if (!(config instanceof Uint8Array) && (config.type ?? 0) !== 0) {
      throw new MspError("INVALID_CONFIG", `MSP type ${config.type} is not supported; only X.509 (0) is`);
    }
    const bytes = config instanceof Uint8Array ? config : (config.config ?? NO_BYTES);
    const decoded = withContext("INVALID_CONFIG", "failed unmarshalling fabric msp config", () =>
      msp.FabricMSPConfig.decode(bytes),
    );
    return new Msp(setUp(decoded), options);
  }

  get signatureHash(): SignatureHash {
    return this.#setup.signatureHash;
  }

  get rootCertificates(): readonly Certificate[] {
    return this.#setup.pool.roots;
  }

  get intermediateCertificates(): readonly Certificate[] {
    return this.#setup.pool.intermediates;
  }

  /** Certificates that may sign TLS certificates of this member's nodes and clients: roots, then intermediates. */
  get tlsCertificates(): readonly Certificate[] {
    return [...this.#setup.tlsPool.roots, ...this.#setup.tlsPool.intermediates];
  }

  /** @throws MspError MALFORMED, UNTRUSTED; CryptoError for text that is no certificate */
  identityFrom(certPem: string): Identity {
    return this.identityOf(fromUtf8(certPem), undefined);
  }

  /** @param idBytes PEM as in msp.SerializedIdentity; `serialized` the whole message where it is at hand */
  identityOf(idBytes: Bytes, serialized: Bytes | undefined): Identity {
    const certificate = withContext("MALFORMED", "could not read the identity's certificate", () =>
      parseCertificate(idBytes),
    );
    const canonical = withContext("UNTRUSTED", `identity "${certificate.subjectCommonName}" of ${this.id}`, () =>
      sanitize(certificate, this.#setup.pool),
    );
    const bytes = serialized ?? msp.SerializedIdentity.encode({ mspid: this.id, idBytes }).finish();
    return new Identity(this, certificate, canonical, bytes);
  }

  judge(identity: Identity): MspError | undefined {
    try {
      this.#validate(identity.canonical);
      return undefined;
    } catch (error) {
      if (error instanceof MspError) return error;
      return new MspError("MALFORMED", error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  rolesOf(identity: Identity): Roles {
    if (identity.flaw !== undefined) return NO_ROLES;
    const { canonical } = identity;
    return {
      client: this.#hasNodeUnit(canonical, "client"),
      peer: this.#hasNodeUnit(canonical, "peer"),
      admin: this.#isNamedAdmin(canonical) || this.#hasNodeUnit(canonical, "admin"),
      orderer: this.#hasNodeUnit(canonical, "orderer"),
    };
  }

  /** Whether the identity is what the principal asks for. A principal that cannot be read asks for the impossible. */
  meets(identity: Identity, principal: common.IMSPPrincipal): boolean {
    try {
      return this.#meets(identity, principal, 0);
    } catch {
      return false;
    }
  }

  #meets(identity: Identity, principal: common.IMSPPrincipal, depth: number): boolean {
    const { Classification } = common.MSPPrincipal;
    const bytes = principal.principal ?? NO_BYTES;
    switch (principal.principalClassification ?? Classification.ROLE) {
      case Classification.ROLE: {
        const { mspIdentifier, role } = common.MSPRole.decode(bytes);
        return mspIdentifier === this.id && this.#hasRole(identity, role);
      }
      case Classification.ORGANIZATION_UNIT: {
        const wanted = common.OrganizationUnit.decode(bytes);
        if (wanted.mspIdentifier !== this.id || identity.flaw !== undefined) return false;
        if (!identity.canonical.organizationalUnits.includes(wanted.organizationalUnitIdentifier)) return false;
        return equalBytes(this.#certifiers(identity.canonical), wanted.certifiersIdentifier);
      }
      case Classification.IDENTITY: {
        const { mspid, idBytes } = msp.SerializedIdentity.decode(bytes);
        if (mspid !== this.id) return false;
        const named = this.identityOf(idBytes, bytes);
        return named.signerKey === identity.signerKey && identity.flaw === undefined;
      }
      case Classification.ANONYMITY: {
        const { anonymityType } = common.MSPIdentityAnonymity.decode(bytes);
        return anonymityType === common.MSPIdentityAnonymity.MSPIdentityAnonymityType.NOMINAL;
      }
      case Classification.COMBINED: {
        if (depth >= MAX_PRINCIPAL_DEPTH) return false;
        const { principals } = common.CombinedPrincipal.decode(bytes);
        return principals.length > 0 && principals.every((each) => this.#meets(identity, each, depth + 1));
      }
      default:
        return false;
    }
  }

  #hasRole(identity: Identity, role: number): boolean {
    const { MSPRoleType } = common.MSPRole;
    const { canonical } = identity;
    switch (role) {
      case MSPRoleType.MEMBER:
        return identity.flaw === undefined;
      case MSPRoleType.ADMIN:
        // A named admin counts even if its chain no longer does: it was checked when the configuration was.
        if (this.#isNamedAdmin(canonical)) return true;
        return identity.flaw === undefined && this.#hasNodeUnit(canonical, "admin");
      case MSPRoleType.CLIENT:
        return identity.flaw === undefined && this.#hasNodeUnit(canonical, "client");
      case MSPRoleType.PEER:
        return identity.flaw === undefined && this.#hasNodeUnit(canonical, "peer");
      case MSPRoleType.ORDERER:
        return identity.flaw === undefined && this.#hasNodeUnit(canonical, "orderer");
      default:
        return false;
    }
  }

  #isNamedAdmin(certificate: Certificate): boolean {
    return this.#setup.admins.some((admin) => equalBytes(admin.raw, certificate.raw));
  }

  /** Does not look at certifiers: that is part of whether the identity counts at all. */
  #hasNodeUnit(certificate: Certificate, role: NodeRole): boolean {
    const rule = this.#setup.nodeUnits?.[role];
    return rule !== undefined && certificate.organizationalUnits.includes(rule.unit);
  }

  #validate(certificate: Certificate): void {
    const algorithm = keyAlgorithm(certificate.publicKey);
    if (algorithm === undefined || (algorithm === "Ed25519" && !this.#ed25519)) {
      const name = algorithm ?? certificate.publicKey.asymmetricKeyType;
      throw new MspError(
        "UNSUPPORTED_KEY",
        `could not validate identity's public key algorithm: ${name} is not supported`,
      );
    }
    const chain = withContext("UNTRUSTED", "could not obtain certification chain", () =>
      this.#identityChain(certificate),
    );
    const issuer = chain[1] as Certificate;
    const revoked = revocationFlaw(certificate, issuer, this.#setup.revocationLists);
    if (revoked !== undefined) {
      throw new MspError(revoked.fault, `could not validate identity against certification chain: ${revoked.message}`);
    }
    withContext("WRONG_UNITS", "could not validate identity's OUs", () => this.#validateUnits(certificate, chain));
  }

  #identityChain(certificate: Certificate): readonly Certificate[] {
    if (certificate.isCa) {
      throw new MspError(
        "UNTRUSTED",
        "An X509 certificate with Basic Constraint: Certificate Authority equals true cannot be used as an identity",
      );
    }
    const chain = uniqueChain(certificate, this.#setup.pool);
    const issuer = chain[1];
    if (issuer === undefined) {
      throw new MspError("UNTRUSTED", `expected a chain of length at least 2, got ${chain.length}`);
    }
    if (this.#setup.innerCas.has(bytesKey(issuer.raw))) {
      throw new MspError(
        "UNTRUSTED",
        "invalid validation chain. Parent certificate should be a leaf of the certification tree",
      );
    }
    return chain;
  }

  #certifiers(certificate: Certificate): Bytes {
    return certifiersOf(this.#identityChain(certificate).slice(1));
  }

  #validateUnits(certificate: Certificate, chain: readonly Certificate[]): void {
    const { units, nodeUnits } = this.#setup;
    if (units.size === 0 && nodeUnits === undefined) return;
    const certifiers = certifiersOf(chain.slice(1));
    const own = certificate.organizationalUnits;
    if (units.size > 0 && !own.some((unit) => units.get(unit)?.some((each) => equalBytes(each, certifiers)) === true)) {
      throw new MspError(
        "WRONG_UNITS",
        own.length === 0
          ? "the identity certificate does not contain an Organizational Unit (OU)"
          : `none of the identity's organizational units [${own.join(" ")}] are in MSP ${this.id}`,
      );
    }
    if (nodeUnits === undefined) return;
    const byUnit = new Map(
      [nodeUnits.client, nodeUnits.peer, nodeUnits.admin, nodeUnits.orderer].map((r) => [r?.unit, r]),
    );
    let roles = 0;
    for (const unit of own) {
      const rule = byUnit.get(unit);
      if (rule === undefined) continue;
      if (rule.certifiers !== undefined && !equalBytes(rule.certifiers, certifiers)) {
        throw new MspError("WRONG_UNITS", `certifiersIdentifier does not match: [${own.join(" ")}], MSP: [${this.id}]`);
      }
      if (++roles > 1) break;
    }
    if (roles === 1) return;
    const where = `OUs: [${own.join(" ")}], MSP: [${this.id}]`;
    throw new MspError(
      "WRONG_UNITS",
      roles === 0
        ? `the identity does not have an OU that resolves to client, peer, orderer, or admin role. ${where}`
        : `the identity must have a client, a peer, an orderer, or an admin OU role to be valid, not a combination of them. ${where}`,
    );
  }

  #checkAdmins(): void {
    this.#setup.admins.forEach((admin, at) => {
      if (this.#setup.nodeUnits !== undefined) {
        if (this.#hasNodeUnit(admin, "client") || this.#hasNodeUnit(admin, "admin")) return;
        throw new MspError("INVALID_CONFIG", `admin ${at} is invalid: it carries neither the client nor the admin OU`);
      }
      withContext("INVALID_CONFIG", `admin ${at} is invalid`, () => this.#validate(admin));
    });
  }
}
