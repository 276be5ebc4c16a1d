/**
 * Application policies under one channel configuration: a signature policy, or a reference to a policy of the channel.
 * Compiled once each.
 *
 * Source: hyperledger/fabric, core/policy/application.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { compileSignaturePolicy, type Identity, MspError, type Policy } from "@hansa/msp";
import { type Bytes, bytesKey, LruMap } from "@hansa/primitives";
import { common, decode, protos, WireError } from "@hansa/wire";

const REMEMBERED_POLICIES = 512;

export class PolicyEvaluator {
  readonly config: ChannelConfig;
  readonly #compiled = new LruMap<string, { readonly policy: Policy | undefined }>(REMEMBERED_POLICIES);

  constructor(config: ChannelConfig) {
    this.config = config;
  }

  /** @param policyBytes `protos.ApplicationPolicy`; bytes that are none satisfy nobody */
  satisfiesApplicationPolicy(policyBytes: Bytes, signers: readonly Identity[]): boolean {
    const policy = this.#find(`a${bytesKey(policyBytes)}`, () => this.#applicationPolicy(policyBytes));
    return policy?.evaluateIdentities(signers).ok === true;
  }

  /** @param policyBytes `common.SignaturePolicyEnvelope`; bytes that are none satisfy nobody */
  satisfiesSignaturePolicy(policyBytes: Bytes, signers: readonly Identity[]): boolean {
    const policy = this.#find(`s${bytesKey(policyBytes)}`, () =>
      this.#signaturePolicy(decode(common.SignaturePolicyEnvelope, policyBytes, "SignaturePolicyEnvelope")),
    );
    return policy?.evaluateIdentities(signers).ok === true;
  }

  #find(key: string, compile: () => Policy | undefined): Policy | undefined {
    const known = this.#compiled.get(key);
    if (known !== undefined) return known.policy;
    const policy = tolerant(compile);
    this.#compiled.set(key, { policy });
    return policy;
  }

  #applicationPolicy(bytes: Bytes): Policy | undefined {
    const { signaturePolicy, channelConfigPolicyReference } = decode(
      protos.ApplicationPolicy,
      bytes,
      "ApplicationPolicy",
    );
    if (signaturePolicy !== undefined && signaturePolicy !== null) return this.#signaturePolicy(signaturePolicy);
    if (channelConfigPolicyReference === undefined || channelConfigPolicyReference === null) return undefined;
    return this.config.policy(channelConfigPolicyReference);
  }

  #signaturePolicy(envelope: common.ISignaturePolicyEnvelope): Policy {
    return compileSignaturePolicy(envelope, this.config.msps);
  }
}

/** A policy that cannot be read is one that nobody satisfies. */
function tolerant(compile: () => Policy | undefined): Policy | undefined {
  try {
    return compile();
  } catch (error) {
    if (error instanceof MspError || error instanceof WireError) return undefined;
    throw error;
  }
}
