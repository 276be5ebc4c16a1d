/** A control plane over the in-memory operator, with clients of the AWS SDK for three accounts. */
import { ManagedBlockchainClient } from "@aws-sdk/client-managedblockchain";
import { silentLogger } from "@hansa/primitives";
import type { Account } from "../auth/authenticate.js";
import type { ControlPlaneConfig } from "../config.js";
import { type RunningControlPlane, startControlPlaneServer } from "../start.js";
import { Store } from "../store/store.js";
import { MemoryOperator } from "./memory-operator.js";

export const REGION = "us-east-1";
export const ACCOUNTS: readonly Account[] = ["111111111111", "222222222222", "333333333333"].map((accountId, i) => ({
  accountId,
  accessKeyId: `AKIATEST${i}`,
  secretAccessKey: `secret-of-${accountId}`,
  name: ["one", "two", "three"][i],
}));

export class TestControlPlane {
  readonly operator: MemoryOperator;
  readonly store: Store;
  readonly running: RunningControlPlane;
  readonly #clients = new Map<string, ManagedBlockchainClient>();

  private constructor(operator: MemoryOperator, store: Store, running: RunningControlPlane) {
    this.operator = operator;
    this.store = store;
    this.running = running;
  }

  static async start(
    config: Partial<ControlPlaneConfig> & { operator?: MemoryOperator } = {},
  ): Promise<TestControlPlane> {
    const operator = config.operator ?? new MemoryOperator();
    const store = config.store ?? Store.inMemory();
    const running = await startControlPlaneServer({
      accounts: ACCOUNTS,
      listen: [{ address: "127.0.0.1:0" }],
      logger: silentLogger,
      clock: operator.clock,
      ...config,
      operator,
      store,
    });
    return new TestControlPlane(operator, store, running);
  }

  get url(): string {
    return this.running.listening[0]?.url ?? "";
  }

  /** Fails at the first error, so that refusals by quota do not cost seconds. */
  client(index: number): ManagedBlockchainClient {
    const account = ACCOUNTS[index];
    if (account === undefined) throw new RangeError(`there is no test account ${index}`);
    const known = this.#clients.get(account.accountId);
    if (known !== undefined) return known;
    const { accessKeyId, secretAccessKey } = account;
    const client = new ManagedBlockchainClient({
      region: REGION,
      endpoint: this.url,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    });
    this.#clients.set(account.accountId, client);
    return client;
  }

  /** Everything that was asked for is done, on the channels too. */
  async idle(): Promise<void> {
    await this.running.idle();
    await Promise.all(this.operator.networks().map((network) => network.settled()));
    await this.running.idle();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
    await this.running.stop();
    await this.store.close();
  }
}

export const PASSWORD = "Passw0rdPassw0rd";

export function memberConfiguration(name: string) {
  return { Name: name, FrameworkConfiguration: { Fabric: { AdminUsername: "admin", AdminPassword: PASSWORD } } };
}

export function networkRequest(name = "trade", more: { edition?: "STARTER" | "STANDARD"; hours?: number } = {}) {
  return {
    Name: name,
    Framework: "HYPERLEDGER_FABRIC" as const,
    FrameworkVersion: "2.2",
    FrameworkConfiguration: { Fabric: { Edition: more.edition ?? "STANDARD" } },
    VotingPolicy: {
      ApprovalThresholdPolicy: {
        ThresholdPercentage: 50,
        ProposalDurationInHours: more.hours ?? 24,
        ThresholdComparator: "GREATER_THAN" as const,
      },
    },
    MemberConfiguration: memberConfiguration("first"),
  };
}
