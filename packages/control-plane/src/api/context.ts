/** What every operation works with: the networks as they are now, the rows, the clock, and who is asking. */
import { derivedId, GovernanceRefusal, type IdPrefix } from "@hansa/governance";
import { arn, type ResourceKind } from "../arns.js";
import type { Caller } from "../auth/authenticate.js";
import type { UsageSampler } from "../billing/usage-sampler.js";
import type { Settings } from "../config.js";
import { ApiError, denied, fromRefusal, notFound, notReady } from "../errors.js";
import type { Jobs } from "../jobs.js";
import { type MemberView, NetworkView } from "../model/network-view.js";
import type { NodeObserver } from "../model/node-observer.js";
import { type MemberRow, put, type RowStore } from "../model/rows.js";
import type { Json } from "../store/changes.js";
import type { Work } from "../work/work.js";
import { type PageInput, page, type Sorted } from "./pages.js";
import type { Tokens } from "./tokens.js";

export type Answer = { readonly [key: string]: Json | undefined };

export class World {
  constructor(
    readonly settings: Settings,
    readonly rows: RowStore,
    readonly jobs: Jobs,
    readonly observer: NodeObserver,
    readonly sampler: UsageSampler,
    readonly pageKey: string,
  ) {}

  get wall(): number {
    return this.settings.clock.now();
  }

  network(networkId: string): NetworkView | undefined {
    const row = this.rows.get("network", networkId);
    const operated = this.settings.operator.network(networkId);
    if (row === undefined && operated === undefined) return undefined;
    return this.#view(networkId, this.#memberRows(networkId));
  }

  networks(): NetworkView[] {
    const ids = new Set([
      ...this.rows.all("network").keys(),
      ...this.settings.operator.networks().map(({ networkId }) => networkId),
    ]);
    const members = new Map<string, MemberRow[]>();
    for (const row of this.rows.all("member").values()) {
      const known = members.get(row.networkId);
      if (known === undefined) members.set(row.networkId, [row]);
      else known.push(row);
    }
    return [...ids].map((id) => this.#view(id, members.get(id) ?? []));
  }

  /** By the network's clock; the control plane's for one that is not there. */
  now(networkId: string | undefined): number {
    const operated = networkId === undefined ? undefined : this.settings.operator.network(networkId);
    return operated?.now() ?? this.wall;
  }

  arn(kind: ResourceKind, id: string, accountId?: string): string {
    return arn(this.settings.region, kind, id, accountId);
  }

  #memberRows(networkId: string): MemberRow[] {
    return [...this.rows.all("member").values()].filter((row) => row.networkId === networkId);
  }

  #view(networkId: string, memberRows: readonly MemberRow[]): NetworkView {
    return new NetworkView({
      networkId,
      row: this.rows.get("network", networkId),
      operated: this.settings.operator.network(networkId),
      memberRows,
      wall: this.wall,
      createDelayMs: this.settings.createDelayMs,
    });
  }
}

/** One request's view of the world. */
export class Context {
  constructor(
    readonly world: World,
    readonly tokens: Tokens,
    readonly work: Work,
    readonly caller: Caller,
  ) {}

  get accountId(): string {
    return this.caller.accountId;
  }

  get quotasOn(): boolean {
    return this.world.settings.quotas === "on";
  }

  /** @throws ApiError ResourceNotFoundException, also for what the account may not see */
  network(networkId: string): NetworkView {
    const view = this.world.network(networkId);
    if (view?.isVisibleTo(this.accountId)) return view;
    throw notFound(`Network ${networkId} not found.`, this.world.arn("networks", networkId));
  }

  /** A network that acts can be sent to. */
  readyNetwork(networkId: string): NetworkView {
    const view = this.network(networkId);
    if (view.status === "CREATE_FAILED")
      throw notReady(`Network ${networkId} could not be created: it is CREATE_FAILED.`);
    if (view.status !== "AVAILABLE") throw notReady(`Network ${networkId} is ${view.status}.`);
    return view;
  }

  /** @throws ApiError ResourceNotFoundException when it is not a member, or not any more */
  member(view: NetworkView, memberId: string): MemberView {
    const member = view.member(memberId);
    if (member !== undefined && member.status !== "DELETED") return member;
    throw notFound(
      `Member ${memberId} not found in network ${view.networkId}.`,
      this.world.arn("members", memberId, member?.accountId ?? this.accountId),
    );
  }

  ownMember(view: NetworkView, memberId: string): MemberView {
    const member = this.member(view, memberId);
    if (member.accountId === this.accountId) return member;
    throw denied(`Account ${this.accountId} is not the owner of member ${memberId}.`);
  }

  /** A member of the account's own that can act. */
  actingMember(view: NetworkView, memberId: string): MemberView {
    const member = this.ownMember(view, memberId);
    if (member.status !== "AVAILABLE") throw notReady(`Member ${memberId} is ${member.status}.`);
    return member;
  }

  page<T>(
    list: string,
    filters: readonly (string | boolean | undefined)[],
    items: readonly T[],
    place: (item: T) => Sorted,
    input: PageInput,
    maximum: number,
  ) {
    return page(this.world.pageKey, [list, this.accountId, ...filters], items, place, input, maximum);
  }

  /** The tags that the account sees: shared ones, with its own over them. */
  tagsOf(resourceArn: string, shared: Readonly<Record<string, string>> = {}): Record<string, string> {
    const own = this.world.rows.get("tags", `${this.accountId} ${resourceArn}`) ?? {};
    const seen = Object.entries({ ...shared, ...own }).filter((entry): entry is [string, string] => entry[1] !== null);
    return Object.fromEntries(seen);
  }

  /** The change that sets a new resource's tags; none without tags. */
  newTags(resourceArn: string, tags: Readonly<Record<string, string>> | undefined) {
    if (tags === undefined || Object.keys(tags).length === 0) return [];
    return [put("tags", `${this.accountId} ${resourceArn}`, { ...tags })];
  }
}

/**
 * An id that follows from the request alone, so that the same request can never make two things; the next one in line
 * when it was taken by something else, as when a token is used again long after.
 */
export function freshId(prefix: IdPrefix, parts: readonly string[], isTaken: (id: string) => boolean): string {
  for (let turn = 0; ; turn++) {
    const id = derivedId(prefix, ...parts, String(turn));
    if (!isTaken(id)) return id;
  }
}

type ActOptions = {
  /** The operation has IllegalActionException. */
  readonly knowsIllegalAction?: boolean;
  /** What was checked before the act. Throws when it is allowed no more. */
  readonly check: () => unknown;
};

/** Runs an act on governance; what the rules refuse becomes the API's error. */
export async function acted<T>(act: () => Promise<T>, { knowsIllegalAction = false, check }: ActOptions): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof GovernanceRefusal) throw fromRefusal(error, knowsIllegalAction);
    // A member that goes in the same moment takes its authority along, the last one the orderer: that is the reason then.
    if (!(error instanceof ApiError)) check();
    throw error;
  }
}

export const iso = (ms: number) => new Date(ms).toISOString();
