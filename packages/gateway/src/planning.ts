/**
 * From what a transaction touched to the peers to ask. What the policies require is kept per configuration, because
 * the same calls come again and again; who is there to fill it is looked at each time.
 * Source: hyperledger/fabric, internal/pkg/gateway/registry.go.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import { type EndorsementPlan, PlanError, planFor, type Requirement, requirementOf } from "@hansa/endorsement/plan";
import { bytesKey, LruMap } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import { EndorsementCollection, type Quantities } from "./collection.js";
import { byHeight, byOrganization, type Endorser } from "./endorsers.js";
import type { GatewayHost } from "./host.js";

const REMEMBERED_REQUIREMENTS = 256;
const COMBINATIONS_TRIED_FIRST = 128;

type Known = { requirement: Requirement; definitions: readonly (ChaincodeDefinition | undefined)[] };

/** Why there is no plan; the text is Fabric's. */
export class NoPlan extends Error {
  override readonly name = "NoPlan";
}

export class Planner {
  readonly #host: GatewayHost;
  readonly #random: () => number;
  readonly #requirements = new WeakMap<ChannelConfig, LruMap<string, Known>>();

  constructor(host: GatewayHost, random: () => number) {
    this.#host = host;
    this.#random = random;
  }

  /**
   * Layouts for an interest, those that use the preferred endorser's group first.
   * @throws NoPlan
   */
  forInterest(
    channelId: string,
    interest: protos.IChaincodeInterest,
    endorsers: readonly Endorser[],
    preferred: Endorser | undefined,
  ): EndorsementCollection {
    try {
      const plan = this.#fill(this.#requirement(channelId, interest), endorsers);
      const groups = new Map(plan.groups.map((group) => [group.id, byHeight(group.peers)]));
      const isPreferred = (layout: Quantities) =>
        [...layout.keys()].some((id) => groups.get(id)?.some((each) => each.address === preferred?.address));
      const first = plan.layouts.filter(isPreferred);
      const others = plan.layouts.filter((layout) => !isPreferred(layout));
      return new EndorsementCollection([...this.#shuffled(first), ...this.#shuffled(others)], groups);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      const context = "no combination of peers can be derived which satisfy the endorsement policy";
      throw new NoPlan(`${context}: ${error.message}`, { cause: error });
    }
  }

  /**
   * One peer of each named organisation.
   * @throws NoPlan naming the organisations that have none
   */
  forOrganizations(
    endorsers: readonly Endorser[],
    chaincode: string,
    organizations: readonly string[],
  ): EndorsementCollection {
    const available = byOrganization(endorsers, chaincode);
    const wanted = [...new Set(organizations)];
    const missing = wanted.filter((organization) => !available.has(organization));
    if (missing.length > 0) {
      throw new NoPlan(`failed to find any endorsing peers for org(s): ${missing.join(", ")}`);
    }
    const groups = new Map(wanted.map((organization) => [organization, available.get(organization) ?? []]));
    return new EndorsementCollection([new Map(wanted.map((organization) => [organization, 1]))], groups);
  }

  #requirement(channelId: string, interest: protos.IChaincodeInterest): Requirement {
    const config = this.#host.channel(channelId);
    const names = (interest.chaincodes ?? []).map((call) => call.name ?? "");
    if (config === undefined) {
      const message = `No metadata was found for chaincode ${names[0] ?? ""} in channel ${channelId}`;
      throw new PlanError("UNKNOWN_CHAINCODE", message);
    }
    const definitions = names.map((name) => this.#host.definition(channelId, name));
    let known = this.#requirements.get(config);
    if (known === undefined) {
      known = new LruMap(REMEMBERED_REQUIREMENTS);
      this.#requirements.set(config, known);
    }
    const key = bytesKey(encode(protos.ChaincodeInterest, interest));
    const found = known.get(key);
    if (found?.definitions.every((each, index) => each?.sequence === definitions[index]?.sequence)) {
      return found.requirement;
    }
    const definition = (name: string) => this.#host.definition(channelId, name);
    const requirement = requirementOf({ config, definition }, interest);
    known.set(key, { requirement, definitions });
    return requirement;
  }

  /** A majority of many organisations has thousands of combinations: a few at random do, unless none of them does. */
  #fill(requirement: Requirement, endorsers: readonly Endorser[]): EndorsementPlan<Endorser> {
    const { principalSets } = requirement;
    if (principalSets.length <= COMBINATIONS_TRIED_FIRST) return planFor(requirement, endorsers);
    const tried = Array.from({ length: COMBINATIONS_TRIED_FIRST }, () => {
      return principalSets[Math.floor(this.#random() * principalSets.length)]!;
    });
    try {
      return planFor({ ...requirement, principalSets: tried }, endorsers);
    } catch (error) {
      if (error instanceof PlanError) return planFor(requirement, endorsers);
      throw error;
    }
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random() * (i + 1));
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }
}
