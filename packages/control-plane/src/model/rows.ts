/**
 * What the control plane itself remembers, by table of its store. Times are Unix milliseconds: `createdAt` by the
 * network's clock, `createdWall` by the control plane's.
 */
import type { VotingPolicy } from "@hansa/governance";
import type { WrittenRow } from "../billing/written.js";
import type { WrittenUpTo } from "../operator.js";
import type { Edition } from "../quotas.js";
import type { Change, Json } from "../store/changes.js";
import type { Store } from "../store/store.js";

export type NetworkRow = {
  readonly networkId: string;
  readonly accountId: string;
  readonly firstMemberId: string;
  readonly name: string;
  readonly description?: string;
  readonly frameworkVersion: string;
  readonly edition: Edition;
  readonly policy: VotingPolicy;
  readonly memberLimit: number;
  readonly simulatedClock: boolean;
  readonly createdAt: number;
  readonly createdWall: number;
  readonly state: "creating" | "ready" | "failed" | "deleted";
  readonly reason?: string;
};

export type MemberRow = {
  readonly memberId: string;
  readonly networkId: string;
  readonly accountId: string;
  readonly name: string;
  readonly description?: string;
  /** Absent for the member that made the network. */
  readonly invitationId?: string;
  /** Absent for members of network files. */
  readonly adminUsername?: string;
  readonly kmsKeyArn?: string;
  readonly caLogs: boolean;
  readonly createdAt: number;
  readonly createdWall: number;
  /** "joined": governance knows it and says the rest. */
  readonly state: "creating" | "joined" | "failed" | "deleted";
  readonly reason?: string;
};

export type NodeRow = {
  readonly nodeId: string;
  readonly networkId: string;
  readonly memberId: string;
  readonly accountId: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly stateDb: "LevelDB" | "CouchDB";
  readonly peerLogs: boolean;
  readonly chaincodeLogs: boolean;
  readonly createdAt: number;
  readonly createdWall: number;
  readonly state: "creating" | "ready" | "failed" | "deleting" | "deleted";
  readonly deletedAt?: number;
  readonly reason?: string;
};

export type AccessorRow = {
  readonly accessorId: string;
  readonly accountId: string;
  readonly networkType: string;
  readonly billingToken: string;
  readonly createdAt: number;
  /** When it was asked to go. */
  readonly deletedAt?: number;
};

/** An account's own tags of one resource; null hides a shared tag. */
export type TagRow = Readonly<Record<string, string | null>>;

/** What a request token was answered. */
export type TokenRow = {
  readonly requestHash: string;
  readonly answer: { readonly [key: string]: Json };
  readonly at: number;
  /** Whose clock `at` is by; the control plane's when absent. */
  readonly networkId?: string;
};

/** Bytes on disk over time: [when, how many], oldest first. */
export type StorageRow = readonly (readonly [at: number, bytes: number])[];

/** How far the channels of a network were read for what was written. */
export type MeteredRow = readonly WrittenUpTo[];

/** The newest status that was told as an event, and the how many-th it was. Under a network's id: that it was seen. */
export type ToldRow = { readonly networkId: string; readonly status: string; readonly count: number };

type Rows = {
  network: NetworkRow;
  member: MemberRow;
  node: NodeRow;
  accessor: AccessorRow;
  tags: TagRow;
  token: TokenRow;
  storage: StorageRow;
  /** By member. */
  written: WrittenRow;
  /** By network. */
  metered: MeteredRow;
  told: ToldRow;
  /** Key "pages": what signs page tokens. */
  key: string;
};
export type Table = keyof Rows;

export function put<T extends Table>(table: T, key: string, row: Rows[T]): Change {
  return { table, key, value: row as Json };
}

export function drop(table: Table, key: string): Change {
  return { table, key };
}

/** The store, with its tables' types. */
export class RowStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get<T extends Table>(table: T, key: string): Rows[T] | undefined {
    return this.#store.get(table, key) as Rows[T] | undefined;
  }

  all<T extends Table>(table: T): ReadonlyMap<string, Rows[T]> {
    return this.#store.entries(table) as ReadonlyMap<string, Rows[T]>;
  }

  write(...changes: readonly Change[]): Promise<void> {
    return this.#store.write(...changes);
  }

  /** Changes some members of a row that is there; none when it is not. */
  async patch<T extends "network" | "member" | "node" | "accessor">(table: T, key: string, change: Partial<Rows[T]>) {
    const row = this.get(table, key);
    if (row !== undefined) await this.write(put(table, key, { ...row, ...change }));
  }
}
