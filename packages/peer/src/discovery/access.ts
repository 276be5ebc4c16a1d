/**
 * Who may ask the discovery service: of a channel whoever satisfies its Writers policy, of the peer itself the
 * administrators of its organisation. Verdicts are kept, because clients send the same request again and again.
 * Source: hyperledger/fabric, discovery/authcache.go, discovery/support/acl/support.go, internal/peer/node/start.go.
 */
import { type ChannelConfig, PolicyPath } from "@hansa/channel-config";
import { type MspManager, rolePrincipal, type SignedData } from "@hansa/msp";
import {
  type Bytes,
  bytesKey,
  concatBytes,
  LruMap,
  type MspId,
  messageOf,
  sha256,
  type UnixMs,
} from "@hansa/primitives";

/** Source: hyperledger/fabric, sampleconfig/core.yaml (peer.discovery.authCacheMaxSize). */
const REMEMBERED_VERDICTS = 1_000;

export type DiscoveryAccessOptions = {
  readonly mspId: MspId;
  readonly localMsp: MspManager;
  readonly orgMembersAllowedAccess: boolean;
  readonly now: () => UnixMs;
};

type Verdict = { readonly reason: string | undefined; readonly expiresAtMs: number };

export class DiscoveryAccess {
  readonly #options: DiscoveryAccessOptions;
  /** A new configuration is a new object, so its verdicts are worked out anew. */
  readonly #ofChannels = new WeakMap<ChannelConfig, LruMap<string, Verdict>>();
  readonly #ofPeer = new LruMap<string, Verdict>(REMEMBERED_VERDICTS);

  constructor(options: DiscoveryAccessOptions) {
    this.#options = options;
  }

  /** @param config of the channel that is asked about; undefined for the peer itself @returns why not */
  refusal(config: ChannelConfig | undefined, signed: SignedData): string | undefined {
    const key = keyOf(signed);
    const known = this.#verdicts(config);
    let verdict = known.get(key);
    if (verdict === undefined) {
      verdict = config === undefined ? this.#judgeLocal(signed) : judge(config, signed);
      known.set(key, verdict);
    }
    if (verdict.reason !== undefined) return verdict.reason;
    return verdict.expiresAtMs > this.#options.now() ? undefined : "the client's certificate has expired";
  }

  #verdicts(config: ChannelConfig | undefined): LruMap<string, Verdict> {
    if (config === undefined) return this.#ofPeer;
    let verdicts = this.#ofChannels.get(config);
    if (verdicts === undefined) {
      verdicts = new LruMap(REMEMBERED_VERDICTS);
      this.#ofChannels.set(config, verdicts);
    }
    return verdicts;
  }

  #judgeLocal({ identity: serialized, message, signature }: SignedData): Verdict {
    const { localMsp, mspId, orgMembersAllowedAccess } = this.#options;
    try {
      const identity = localMsp.identity(serialized);
      const role = orgMembersAllowedAccess ? "member" : "admin";
      if (!identity.satisfies(rolePrincipal(mspId, role))) return no(`the client is no ${role} of ${mspId}`);
      if (!identity.verify(message, signature)) return no("the signature is invalid");
      return { reason: undefined, expiresAtMs: identity.expiresAtMs };
    } catch (error) {
      return no(messageOf(error));
    }
  }
}

function judge(config: ChannelConfig, signed: SignedData): Verdict {
  const verdict = config.policy(PolicyPath.APPLICATION_WRITERS).evaluateSigned([signed]);
  if (!verdict.ok) return no(verdict.reason);
  return { reason: undefined, expiresAtMs: config.msps.identity(signed.identity).expiresAtMs };
}

function no(reason: string): Verdict {
  return { reason, expiresAtMs: 0 };
}

function keyOf({ identity, message, signature }: SignedData): string {
  const digests: Bytes[] = [identity, message, signature].map((part) => sha256(part));
  return bytesKey(concatBytes(...digests));
}
