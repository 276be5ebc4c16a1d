/** Who calls the API, and about which network and member: what `--as` and `--network` mean. */
import path from "node:path";
import { controlPlaneFolder, didYouMean, findControlPlane, readAccounts } from "@hansa/network";
import { HansaError } from "@hansa/primitives";
import type { Call } from "../command.js";
import { dataRoot } from "../locate.js";
import type { OptionDefinition } from "../options.js";
import { ApiClient, type Endpoint } from "./client.js";
import { readCredentials } from "./credentials.js";
import type { MemberSummary, NetworkSummary } from "./shapes.js";

export type Account = { readonly accountId: string; readonly name: string; readonly client: ApiClient };

/** A network as one account sees it. */
export type NetworkScope = { readonly account: Account; readonly network: NetworkSummary; readonly path: string };

/** A network as one of its members' accounts sees it. */
export type MemberScope = NetworkScope & { readonly member: MemberSummary };

export const AS_MEMBER = {
  type: "string",
  value: "member",
  about: "the member to act as; the only one you own unless given",
} as const satisfies OptionDefinition;

export const AS_ACCOUNT = {
  type: "string",
  value: "account",
  about: "the account to act as: its id or its profile; the only one unless given",
} as const satisfies OptionDefinition;

/** The accounts a user has keys for: those of AWS's own variables, or those of the data folder. */
export class Session {
  readonly endpoint: Endpoint;
  readonly accounts: readonly Account[];
  readonly #networks = new Map<Account, Promise<NetworkSummary[]>>();

  constructor(endpoint: Endpoint, accounts: readonly Account[]) {
    this.endpoint = endpoint;
    this.accounts = accounts;
  }

  /** @throws HansaError CONTROL_PLANE_NOT_RUNNING */
  static async open(call: Call): Promise<Session> {
    const { env } = call.io;
    const folder = controlPlaneFolder(dataRoot(call));
    const running = await findControlPlane(folder);
    const url = env.AWS_ENDPOINT_URL_MANAGEDBLOCKCHAIN ?? running?.url;
    if (url === undefined)
      throw new HansaError("CONTROL_PLANE_NOT_RUNNING", `No control plane runs for ${dataRoot(call)}.`, {
        nextStep: "Start it with: hansa control-plane up",
      });
    const endpoint = { url, region: env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? running?.region ?? "us-east-1" };
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
    const keys =
      accessKeyId !== undefined && secretAccessKey !== undefined
        ? [{ accountId: accessKeyId, name: "AWS_ACCESS_KEY_ID", accessKeyId, secretAccessKey }]
        : running === undefined && env.AWS_SHARED_CREDENTIALS_FILE !== undefined
          ? await readCredentials(path.resolve(call.io.cwd, env.AWS_SHARED_CREDENTIALS_FILE), env.AWS_PROFILE)
          : await readAccounts(running?.accountsFile ?? path.join(folder, "accounts.json"));
    return new Session(
      endpoint,
      keys.map(({ accountId, name, ...credentials }) => ({
        accountId,
        name,
        client: new ApiClient(endpoint, credentials),
      })),
    );
  }

  /** @throws HansaError UNKNOWN_ACCOUNT, USAGE */
  account(wanted: string | undefined): Account {
    const names = this.accounts.map(({ accountId, name }) => `${name} (${accountId})`).join(", ");
    if (wanted === undefined) {
      if (this.accounts.length === 1) return this.accounts[0]!;
      throw new HansaError("USAGE", "There are several accounts.", { nextStep: `Choose one with --as: ${names}.` });
    }
    const found = this.accounts.find(({ accountId, name }) => wanted === accountId || wanted === name);
    if (found !== undefined) return found;
    const guess = didYouMean(
      wanted,
      this.accounts.map(({ name }) => name),
    );
    throw new HansaError("UNKNOWN_ACCOUNT", `There is no account "${wanted}".${guess}`, {
      nextStep: `Use one of: ${names}.`,
    });
  }

  /** Every network that some account sees, each once, with the accounts that see it. */
  async networks(): Promise<readonly { readonly network: NetworkSummary; readonly accounts: readonly Account[] }[]> {
    const lists = await Promise.all(
      this.accounts.map(async (account) => ({ account, networks: await this.#networksOf(account) })),
    );
    const found = new Map<string, { network: NetworkSummary; accounts: Account[] }>();
    for (const { account, networks } of lists) {
      for (const network of networks) {
        const known = found.get(network.Id);
        if (known === undefined) found.set(network.Id, { network, accounts: [account] });
        else known.accounts.push(account);
      }
    }
    return [...found.values()];
  }

  /** The network that `--network` names by id or name, or the only one. @throws HansaError NO_NETWORK */
  async network(call: Call): Promise<NetworkScope & { readonly accounts: readonly Account[] }> {
    const wanted = call.options.text("network");
    const all = await this.networks();
    const label = ({ network }: { network: NetworkSummary }) => `${network.Name} (${network.Id})`;
    const matching =
      wanted === undefined ? all : all.filter(({ network }) => network.Id === wanted || network.Name === wanted);
    if (matching.length === 1) {
      const { network, accounts } = matching[0]!;
      return { network, accounts, account: accounts[0]!, path: `/networks/${network.Id}` };
    }
    if (matching.length === 0) {
      const guess =
        wanted === undefined
          ? ""
          : didYouMean(
              wanted,
              all.map(({ network }) => network.Name),
            );
      const fact = wanted === undefined ? "There is no network yet." : `There is no network "${wanted}".${guess}`;
      const nextStep =
        all.length === 0
          ? "Make one with: hansa network create, or start one from a file with: hansa up"
          : `Use one of: ${all.map(label).join(", ")}.`;
      throw new HansaError("NO_NETWORK", fact, { nextStep });
    }
    throw new HansaError(
      "USAGE",
      `There are ${matching.length} networks${wanted === undefined ? "" : ` "${wanted}"`}.`,
      {
        nextStep: `Choose one with --network: ${matching.map(label).join(", ")}.`,
      },
    );
  }

  /** @throws HansaError NO_NETWORK */
  async networkById(networkId: string): Promise<NetworkScope> {
    const found = (await this.networks()).find(({ network }) => network.Id === networkId);
    if (found !== undefined)
      return { network: found.network, account: found.accounts[0]!, path: `/networks/${networkId}` };
    throw new HansaError("NO_NETWORK", `None of your accounts sees network ${networkId}.`, {
      nextStep: "Use accounts that have members in it: hansa control-plane up --accounts <file>",
    });
  }

  /** Every member of the network that these accounts own. */
  async ownMembers(call: Call): Promise<MemberScope[]> {
    return this.#ownedMembers(await this.network(call));
  }

  /** The member that `wanted` names by id or name, with the account that owns it; or the only one that is owned. */
  async member(call: Call, wanted: string | undefined): Promise<MemberScope> {
    const scope = await this.network(call);
    const owned = await this.#ownedMembers(scope);
    const name = ({ member }: MemberScope) => member.Name;
    if (wanted === undefined) {
      if (owned.length === 1) return owned[0]!;
      throw new HansaError("USAGE", `You own ${owned.length} members of network ${scope.network.Name}.`, {
        nextStep: `Choose one with --as: ${owned.map(name).join(", ")}.`,
      });
    }
    const lower = wanted.toLowerCase();
    const found = owned.find(({ member }) => member.Id === wanted || member.Name.toLowerCase() === lower);
    if (found !== undefined) return found;
    throw new HansaError(
      "UNKNOWN_MEMBER",
      `Network ${scope.network.Name} has no member "${wanted}" that you own.${didYouMean(wanted, owned.map(name))}`,
      { nextStep: `Use one of: ${owned.map(name).join(", ")}.` },
    );
  }

  /**
   * The id of any member of a network, by id or name; one that is gone only with `gone`, when no other has the name.
   * @throws HansaError UNKNOWN_MEMBER
   */
  async memberId(
    { account, network, path: base }: NetworkScope,
    wanted: string,
    { gone = false }: { readonly gone?: boolean } = {},
  ): Promise<string> {
    const members = await account.client.list<MemberSummary>(`${base}/members`, "Members");
    const living = members.filter(({ Status }) => Status !== "DELETED");
    const lower = wanted.toLowerCase();
    const isMeant = ({ Id, Name }: MemberSummary) => Id === wanted || Name.toLowerCase() === lower;
    const found = living.find(isMeant) ?? (gone ? members.findLast(isMeant) : undefined);
    if (found !== undefined) return found.Id;
    const names = living.map(({ Name }) => Name);
    throw new HansaError(
      "UNKNOWN_MEMBER",
      `Network ${network.Name} has no member "${wanted}".${didYouMean(wanted, names)}`,
      { nextStep: `Use one of: ${names.join(", ")}.` },
    );
  }

  async #ownedMembers(scope: NetworkScope & { readonly accounts: readonly Account[] }): Promise<MemberScope[]> {
    const { network, accounts, path: base } = scope;
    const lists = await Promise.all(
      accounts.map(async (account) => {
        const members = await account.client.list<MemberSummary>(`${base}/members`, "Members", { isOwned: "true" });
        return members
          .filter(({ Status }) => Status !== "DELETED")
          .map((member) => ({ account, network, path: base, member }));
      }),
    );
    return lists.flat();
  }

  #networksOf(account: Account): Promise<NetworkSummary[]> {
    const known = this.#networks.get(account);
    if (known !== undefined) return known;
    const list = account.client.list<NetworkSummary>("/networks", "Networks");
    this.#networks.set(account, list);
    return list;
  }
}
