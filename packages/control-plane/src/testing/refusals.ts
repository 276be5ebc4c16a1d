/** Tables of wrong requests: what is refused, with which error, and that nothing changes by it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ACCOUNTS, PASSWORD, TestControlPlane } from "./control-plane.js";
import { fleet, invite, propose } from "./fleet.js";
import { raw } from "./raw.js";

type Case = readonly [
  operation: string,
  what: string,
  account: number,
  method: string,
  target: () => string,
  body: () => unknown,
  status: number,
  error: string,
  says: RegExp,
];

const STATUS = {
  IR: [400, "InvalidRequestException"],
  IA: [400, "IllegalActionException"],
  TT: [400, "TooManyTagsException"],
  AD: [403, "AccessDeniedException"],
  NF: [404, "ResourceNotFoundException"],
  AE: [409, "ResourceAlreadyExistsException"],
  NR: [409, "ResourceNotReadyException"],
  LE: [429, "ResourceLimitExceededException"],
} as const;

/** Account, method, target and body; the last two are made when the ids are known. */
export type Wrong = readonly [number, string, () => string, (() => unknown)?];

/** More tags than a resource can have. */
export const TOO_MANY_TAGS = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`k${i}`, ""]));

export class Refusals {
  /** Ids by short names; filled before the first case runs. */
  readonly ids: Record<string, string> = {};
  readonly #cases: Case[] = [];
  #used = 0;

  /** A text with ids for names in braces. */
  readonly at = (text: string) => () => text.replace(/\{(\w+)\}/g, (_, name: string) => this.ids[name] ?? name);
  /** The path of an ARN's tags. */
  readonly arnOf = (text: string) => () => `/tags/${encodeURIComponent(this.at(text)())}`;
  readonly token = () => ({ ClientRequestToken: `refusals ${this.#used++}` });

  readonly refuse = (
    kind: keyof typeof STATUS,
    operation: string,
    what: string,
    [account, method, target, body]: Wrong,
    says: RegExp,
  ): void => {
    this.#cases.push([operation, what, account, method, target, body ?? (() => undefined), ...STATUS[kind], says]);
  };

  /**
   * A control plane with a STARTER network of the first two accounts: members m1 and m2, two nodes of m1 (nd is one),
   * proposals done (approved) and voting (m1 has voted), and invitations of the third account: used (rejected) and open.
   * The second account has a network n2 with member m3 besides, the first an accessor ac.
   */
  run(title: string): void {
    describe(title, () => {
      let plane: TestControlPlane;
      before(async () => {
        plane = await TestControlPlane.start();
        await this.#prepare(plane);
      });
      after(() => plane.stop());
      for (const [operation, what, account, method, target, body, status, error, says] of this.#cases)
        it(`${operation} refuses ${what}`, async () => {
          const state = everything(plane);
          const answer = await raw(plane.url, account, method, target(), body());
          assert.deepEqual([answer.error, answer.status], [error, status], JSON.stringify(answer.body));
          assert.match(String(answer.body.message), says);
          const secrets = new RegExp(`${PASSWORD}|${ACCOUNTS[account]?.secretAccessKey}`);
          assert.doesNotMatch(JSON.stringify(answer.body), secrets);
          await plane.idle();
          assert.equal(everything(plane), state, "something has changed");
        });
    });
  }

  async #prepare(plane: TestControlPlane): Promise<void> {
    const { ids, at } = this;
    const pair = await fleet(plane, [0, 1], { edition: "STARTER" });
    const other = await fleet(plane, [1]);
    Object.assign(ids, { n: pair.networkId, m1: pair.memberIds[0], m2: pair.memberIds[1], n2: other.networkId });
    ids.m3 = other.memberIds[0]!;
    ids.used = await invite(plane, pair, [0, 1], 2);
    await raw(plane.url, 2, "DELETE", `/invitations/${ids.used}`);
    ids.open = await invite(plane, pair, [0, 1], 2);
    ids.done = await propose(plane, pair, [0, 1], { Invitations: [{ Principal: "444444444444" }] });
    const { body } = await raw(plane.url, 0, "POST", at("/networks/{n}/proposals")(), {
      ClientRequestToken: "vote",
      MemberId: ids.m1,
      Actions: { Invitations: [{ Principal: "555555555555" }] },
    });
    ids.voting = String(body.ProposalId);
    const ballot = { VoterMemberId: ids.m1, Vote: "YES" };
    await raw(plane.url, 0, "POST", at("/networks/{n}/proposals/{voting}/votes")(), ballot);
    const NodeConfiguration = { InstanceType: "bc.t3.small", AvailabilityZone: "us-east-1a" };
    const node = { ClientRequestToken: "node", MemberId: ids.m1, NodeConfiguration };
    ids.nd = String((await raw(plane.url, 0, "POST", at("/networks/{n}/nodes")(), node)).body.NodeId);
    await raw(plane.url, 0, "POST", at("/networks/{n}/nodes")(), { ...node, ClientRequestToken: "node 2" });
    const accessor = { ClientRequestToken: "accessor", AccessorType: "BILLING_TOKEN" };
    ids.ac = String((await raw(plane.url, 0, "POST", "/accessors", accessor)).body.AccessorId);
    await plane.idle();
  }
}

function everything(plane: TestControlPlane): string {
  return JSON.stringify([
    ["network", "member", "node", "accessor", "tags", "token"].map((table) => [...plane.store.entries(table)]),
    plane.operator.networks().map(({ acts }) => acts.length),
    plane.store.secrets.memberIds(),
  ]);
}
