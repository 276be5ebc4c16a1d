/** The members of one channel, and the identities seen there: each parsed and judged once. */

import { type Bytes, bytesKey, equalBytes, LruMap, type MspId, messageOf } from "@hansa/primitives";
import { type common, msp } from "@hansa/wire";
import { MspError } from "./error.js";
import type { Identity } from "./identity.js";
import type { Msp } from "./msp.js";
import { parseCertificate } from "./msp-setup.js";

const DEFAULT_REMEMBERED_IDENTITIES = 4096;
/** A channel hears few signers most of the time: comparing with those is cheaper than hashing a certificate. */
const RECENT_IDENTITIES = 4;

export class MspManager {
  readonly #msps: ReadonlyMap<MspId, Msp>;
  readonly #identities: LruMap<string, Identity>;
  /** Newest first. */
  readonly #recent: Identity[] = [];

  /** @throws MspError INVALID_CONFIG when two members share an id */
  constructor(msps: readonly Msp[], options: { rememberedIdentities?: number } = {}) {
    const byId = new Map<MspId, Msp>();
    for (const each of msps) {
      if (byId.has(each.id)) throw new MspError("INVALID_CONFIG", `MSP ${each.id} is defined twice`);
      byId.set(each.id, each);
    }
    this.#msps = byId;
    this.#identities = new LruMap(options.rememberedIdentities ?? DEFAULT_REMEMBERED_IDENTITIES);
  }

  get(mspId: MspId): Msp | undefined {
    return this.#msps.get(mspId);
  }

  get mspIds(): readonly MspId[] {
    return [...this.#msps.keys()];
  }

  get msps(): readonly Msp[] {
    return [...this.#msps.values()];
  }

  /**
   * @param serialized bytes of msp.SerializedIdentity; the identity keeps them
   * @throws MspError UNKNOWN_MSP, MALFORMED, UNTRUSTED
   */
  identity(serialized: Bytes): Identity {
    for (const recent of this.#recent) if (equalBytes(recent.serialized, serialized)) return recent;
    const identity = this.#find(serialized);
    this.#recent.unshift(identity);
    if (this.#recent.length > RECENT_IDENTITIES) this.#recent.pop();
    return identity;
  }

  #find(serialized: Bytes): Identity {
    const key = bytesKey(serialized);
    const known = this.#identities.get(key);
    if (known !== undefined) return known;
    const { mspid, idBytes } = decodeSerializedIdentity(serialized);
    const member = this.#msps.get(mspid);
    if (member === undefined) throw new MspError("UNKNOWN_MSP", `MSP ${mspid} is not defined on channel`);
    // A copy: the input may be a view that keeps a whole block alive.
    const identity = member.identityOf(idBytes, Buffer.from(serialized));
    this.#identities.set(key, identity);
    return identity;
  }

  /**
   * Chain, revocation and units; expiry only when a time is given, because old blocks stay valid.
   * @throws MspError UNTRUSTED, REVOKED, WRONG_UNITS, UNSUPPORTED_KEY, EXPIRED
   */
  check(identity: Identity, nowMs?: number): void {
    if (identity.flaw !== undefined) throw identity.flaw;
    if (nowMs !== undefined && nowMs > identity.expiresAtMs) {
      const since = new Date(identity.expiresAtMs).toISOString();
      throw new MspError(
        "EXPIRED",
        `the certificate of "${identity.certificate.subjectCommonName}" expired at ${since}`,
      );
    }
  }

  satisfies(identity: Identity, principal: common.IMSPPrincipal): boolean {
    return identity.satisfies(principal);
  }
}

/** @throws MspError MALFORMED */
/**
 * Until when the certificate in an identity says it is valid, whoever issued it; undefined where none can be read.
 * Fabric's filters against expired clients come first and look at nothing else.
 * Source: hyperledger/fabric, common/crypto/expiration.go (ExpiresAt).
 */
export function certificateEndMs(serialized: Bytes): number | undefined {
  try {
    return parseCertificate(decodeSerializedIdentity(serialized).idBytes).notAfterMs;
  } catch {
    return undefined;
  }
}

export function decodeSerializedIdentity(serialized: Bytes): { mspid: MspId; idBytes: Bytes } {
  try {
    const { mspid, idBytes } = msp.SerializedIdentity.decode(serialized);
    return { mspid, idBytes };
  } catch (cause) {
    throw new MspError("MALFORMED", `could not deserialize a SerializedIdentity: ${messageOf(cause)}`, { cause });
  }
}
