/**
 * Which policy a transaction's endorsements fall short of, whose signature counts for it and whose does not, and who
 * could still sign. The verdict is that of validation; what stands here puts it into words.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type EndorsementView, type ParsedRwSet, writesTo } from "@hansa/ledger";
import {
  describePrincipal,
  formatPolicy,
  type Identity,
  MspError,
  principalKey,
  roleName,
  verifiedSigners,
} from "@hansa/msp";
import { type Bytes, concatBytes } from "@hansa/primitives";
import { common, decode, protos, WireError } from "@hansa/wire";
import { LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import { type PrincipalSet, satisfyingSets } from "../plan/principal-sets.js";
import { Definitions } from "../validation/definitions.js";
import { type ChangedPolicies, firstUnmet, type Unmet } from "../validation/key-level.js";
import { PolicyEvaluator } from "../validation/policy-evaluator.js";
import type { PolicyShortfall, SignerVerdict } from "./explanation.js";
import type { PastState } from "./past-state.js";
import { cut, personFrom, personOf } from "./shown.js";

const MAX_SIGNERS = 50;
const MAX_SETS_TRIED = 2_000;
const MAX_MISSING_SETS = 5;
const MAX_WORDS_DEPTH = 8;
const MAX_WORDS = 2_000;

export type Endorsed = {
  readonly chaincode: string;
  readonly rwset: ParsedRwSet;
  readonly responsePayload: Bytes;
  readonly endorsements: readonly EndorsementView[];
  readonly timestampMs: number | undefined;
};

export type UnmetPolicy = Unmet & { readonly namespace: string };

/**
 * The first policy that validation finds unmet; "no definition" with the namespace that has none; undefined when all
 * hold by what is known.
 */
export function unmetPolicy(
  endorsed: Endorsed,
  config: ChannelConfig,
  state: PastState,
  changed: ChangedPolicies,
): UnmetPolicy | { readonly kind: "no definition"; readonly namespace: string } | undefined {
  const { chaincode, rwset } = endorsed;
  const definitions = new Definitions(state.reader, config);
  const policies = new PolicyEvaluator(config);
  const signers = verifiedSigners(
    endorsed.endorsements.map(({ endorser, signature }) => ({
      identity: endorser,
      message: concatBytes(endorsed.responsePayload, endorser),
      signature,
    })),
    config.msps,
  );
  const written = rwset.namespaces.filter(writesTo).map(({ namespace }) => namespace);
  for (const namespace of new Set([chaincode, ...written])) {
    const chaincodePolicy = definitions.policyOf(namespace);
    if (chaincodePolicy === undefined) return { kind: "no definition", namespace };
    const check = { namespace, chaincodePolicy, rwset, signers, state: state.reader, definitions, policies, changed };
    const unmet = firstUnmet(check);
    if (unmet !== undefined) return { ...unmet, namespace };
  }
  return undefined;
}

/** Everything but where the policy belongs. */
export type PolicyFacts = Pick<PolicyShortfall, "policy" | "words" | "signers" | "missing" | "missingCut">;

export function policyFacts(unmet: UnmetPolicy, endorsed: Endorsed, config: ChannelConfig): PolicyFacts {
  const { envelope, path } = readPolicy(unmet, config);
  const signers = signerVerdicts(endorsed, config, envelope);
  const verdicts = signers.map(({ verdict }) => verdict);
  if (envelope === undefined) {
    const words = path === "" ? "" : `the channel's policy ${path}`;
    return { policy: path, words, signers: verdicts, missing: [], missingCut: false };
  }
  const counted = signers.flatMap(({ identity, verdict }) => (verdict.counts && identity ? [identity] : []));
  const { missing, missingCut } = stillMissing(envelope, counted);
  const words = `${policyWords(envelope)}${path === "" ? "" : ` (the channel's policy ${path})`}`;
  return {
    policy: cut(formatPolicy(envelope), MAX_WORDS),
    words: cut(words, MAX_WORDS),
    signers: verdicts,
    missing,
    missingCut,
  };
}

function readPolicy(
  { kind, policy }: Unmet,
  config: ChannelConfig,
): { envelope: common.ISignaturePolicyEnvelope | undefined; path: string } {
  if (policy === undefined) return { envelope: undefined, path: "" };
  try {
    if (kind === "key") {
      return { envelope: decode(common.SignaturePolicyEnvelope, policy, "SignaturePolicyEnvelope"), path: "" };
    }
    const application = decode(protos.ApplicationPolicy, policy, "ApplicationPolicy");
    if (application.signaturePolicy) return { envelope: application.signaturePolicy, path: "" };
    const path = application.channelConfigPolicyReference ?? "";
    return { envelope: config.signaturePolicy(path), path };
  } catch (error) {
    if (error instanceof WireError) return { envelope: undefined, path: "" };
    throw error;
  }
}

/** Each endorsement, and whether it counts for a policy. */
export function signerVerdicts(
  { endorsements, responsePayload, timestampMs }: Endorsed,
  config: ChannelConfig,
  policy: common.ISignaturePolicyEnvelope | undefined,
): { verdict: SignerVerdict; identity: Identity | undefined }[] {
  const seen = new Set<string>();
  return endorsements.slice(0, MAX_SIGNERS).map(({ endorser, signature }) => {
    let identity: Identity;
    try {
      identity = config.msps.identity(endorser);
    } catch (error) {
      if (!(error instanceof MspError)) throw error;
      const person = personFrom(endorser, undefined) ?? { mspId: "?", name: "", role: undefined };
      return { verdict: { ...person, counts: false, reason: cut(error.message, MAX_WORDS) }, identity: undefined };
    }
    const verdict = (counts: boolean, reason?: string) => ({
      verdict: { ...personOf(identity), counts, reason },
      identity,
    });
    if (seen.has(identity.signerKey)) return verdict(false, "it signed twice, and counts once");
    if (!identity.verify(concatBytes(responsePayload, endorser), signature)) {
      return verdict(false, "its signature does not belong to these results: one of the two was altered");
    }
    seen.add(identity.signerKey);
    if (identity.flaw !== undefined) return verdict(false, flawWords(identity.flaw));
    const principals = policy?.identities ?? [];
    if (policy !== undefined && !principals.some((each) => identity.satisfies(each, principalKey(each)))) {
      return verdict(false, unwantedWords(identity, principals));
    }
    const isExpired = timestampMs !== undefined && identity.expiresAtMs < timestampMs;
    const since = isExpired ? new Date(identity.expiresAtMs).toISOString() : "";
    return verdict(true, isExpired ? `its certificate has expired (${since}), which endorsements survive` : undefined);
  });
}

function flawWords(flaw: MspError): string {
  if (flaw.fault === "REVOKED") return `its certificate is revoked (${flaw.message})`;
  return `the channel does not accept its certificate: ${flaw.message}`;
}

function unwantedWords(identity: Identity, principals: readonly common.IMSPPrincipal[]): string {
  const own = principals.filter((each) => mspIdOf(each) === identity.mspId);
  if (own.length === 0) return `the policy does not ask for ${identity.mspId}`;
  return `the policy asks for ${[...new Set(own.map(principalWords))].join(" or ")}`;
}

function mspIdOf(principal: common.IMSPPrincipal): string {
  return describePrincipal(principal).split(/[. ]/, 1)[0] ?? "";
}

/** "a peer of Org1MSP" */
export function principalWords(principal: common.IMSPPrincipal): string {
  const { Classification } = common.MSPPrincipal;
  if ((principal.principalClassification ?? Classification.ROLE) !== Classification.ROLE) {
    return describePrincipal(principal);
  }
  try {
    const role = decode(common.MSPRole, principal.principal ?? Buffer.alloc(0), "MSPRole");
    const name = roleName(role.role) ?? `role ${role.role}`;
    return `${name === "admin" || name === "orderer" ? "an" : "a"} ${name} of ${role.mspIdentifier}`;
  } catch {
    return describePrincipal(principal);
  }
}

/** A policy as a phrase: "a peer of Org1MSP and a peer of Org2MSP", "2 of these: …". */
export function policyWords({ rule, identities }: common.ISignaturePolicyEnvelope): string {
  const words = (part: common.ISignaturePolicy | null | undefined, depth: number): string => {
    if (!part || depth > MAX_WORDS_DEPTH) return "…";
    const gate = part.nOutOf;
    if (!gate) {
      const principal = identities?.[part.signedBy ?? 0];
      return principal === undefined ? "nobody" : principalWords(principal);
    }
    const rules = gate.rules ?? [];
    const n = gate.n ?? 0;
    const parts = rules.map((each) => {
      const inner = words(each, depth + 1);
      return each.nOutOf && (each.nOutOf.rules?.length ?? 0) > 1 && rules.length > 1 ? `(${inner})` : inner;
    });
    if (n > rules.length) return `${n} of ${rules.length}, which nobody can satisfy`;
    if (n === rules.length) return parts.join(" and ");
    if (n === 1) return parts.join(" or ");
    return `${n} of these: ${parts.join(", ")}`;
  };
  return words(rule, 1);
}

/** What must still be signed, in the ways that ask for the fewest further signatures. */
function stillMissing(
  policy: common.ISignaturePolicyEnvelope,
  signers: readonly Identity[],
): { missing: string[][]; missingCut: boolean } {
  const ways = new Map<string, string[]>();
  let fewest = Number.POSITIVE_INFINITY;
  for (const set of satisfyingSets(policy).slice(0, MAX_SETS_TRIED)) {
    const open = unmatched(set, signers);
    if (open.length === 0 || open.length > fewest) continue;
    if (open.length < fewest) ways.clear();
    fewest = open.length;
    const words = open.map(({ principal }) => principalWords(principal)).sort();
    ways.set(words.join("\n"), words);
  }
  const missing = [...ways.values()];
  return { missing: missing.slice(0, MAX_MISSING_SETS), missingCut: missing.length > MAX_MISSING_SETS };
}

/** The principals of a set that are left when every signer stands for one, as many as possible. */
function unmatched(set: PrincipalSet, signers: readonly Identity[]): PrincipalSet {
  const takenBy = new Map<Identity, number>();
  const place = (wanted: number, tried: Set<Identity>): boolean => {
    for (const signer of signers) {
      const principal = set[wanted];
      if (principal === undefined || tried.has(signer) || !signer.satisfies(principal.principal)) continue;
      tried.add(signer);
      const other = takenBy.get(signer);
      if (other === undefined || place(other, tried)) {
        takenBy.set(signer, wanted);
        return true;
      }
    }
    return false;
  };
  return set.filter((_, index) => !place(index, new Set()));
}

/** Where an unmet policy belongs, for `PolicyShortfall`. */
export function shortfallOf(unmet: UnmetPolicy): PolicyShortfall["of"] {
  if (unmet.kind === "chaincode" && unmet.namespace === LIFECYCLE_NAMESPACE) return "lifecycle";
  return unmet.kind;
}
