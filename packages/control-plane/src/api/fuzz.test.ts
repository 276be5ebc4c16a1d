/** Requests that nobody would write: each is answered with an error of the service, none with a failure of ours. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { memberConfiguration, networkRequest, TestControlPlane } from "../testing/control-plane.js";
import { type Fleet, fleet } from "../testing/fleet.js";
import { raw } from "../testing/raw.js";
import { OPERATIONS } from "./operations.js";

const word = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    "",
    " ",
    "__proto__",
    "constructor",
    "n-X",
    "../..",
    "%00",
    "\u0000",
    "𝔘",
    "ARN",
    "true",
    "0",
    "-1",
    "1e9",
  ),
);
const surprise = fc.oneof(
  word,
  fc.constantFrom(null, true, 0, -1, 1.5, 1e308, [], {}, [[]], [null], { __proto__: null }),
  fc.jsonValue({ maxDepth: 3 }),
);

describe("requests that nobody would write", () => {
  let plane: TestControlPlane;
  let net: Fleet;
  before(async () => {
    plane = await TestControlPlane.start({ quotas: "off" });
    net = await fleet(plane, [0]);
  });
  after(() => plane.stop());

  /** A right request of each kind, to be spoilt in one place. */
  const bodies = (): Record<string, Record<string, unknown>> => ({
    CreateNetwork: { ClientRequestToken: "t", ...networkRequest() },
    CreateMember: { ClientRequestToken: "t", InvitationId: "in-X", MemberConfiguration: memberConfiguration("a") },
    CreateNode: {
      ClientRequestToken: "t",
      MemberId: net.memberIds[0],
      NodeConfiguration: { InstanceType: "bc.t3.small" },
    },
    CreateProposal: {
      ClientRequestToken: "t",
      MemberId: net.memberIds[0],
      Actions: { Invitations: [{ Principal: "222222222222" }], Removals: [{ MemberId: net.memberIds[0] }] },
      Tags: { "hansa:channels": "all" },
    },
    DryRunProposal: { MemberId: net.memberIds[0], Actions: { Removals: [{ MemberId: net.memberIds[0] }] } },
    VoteOnProposal: { VoterMemberId: net.memberIds[0], Vote: "YES" },
    CreateAccessor: { ClientRequestToken: "t", AccessorType: "BILLING_TOKEN", Tags: { a: "b" } },
    TagResource: { Tags: { a: "b" } },
    UpdateMember: { LogPublishingConfiguration: { Fabric: { CaLogs: { Cloudwatch: { Enabled: true } } } } },
    UpdateNode: { MemberId: net.memberIds[0], LogPublishingConfiguration: { Fabric: {} } },
    AdvanceClock: { To: "2026-01-01T00:00:00Z" },
  });

  for (const { name, method, path, lists } of OPERATIONS)
    it(`${method} ${path}`, async () => {
      const labels = { networkId: net.networkId, memberId: net.memberIds[0] ?? "" };
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(
            fc.constantFrom(
              "networkId",
              "memberId",
              "nodeId",
              "proposalId",
              "invitationId",
              "AccessorId",
              "resourceArn",
            ),
            word,
          ),
          fc.dictionary(
            fc.constantFrom("maxResults", "nextToken", "name", "status", "memberId", "isOwned", "from", "to", ...lists),
            word,
          ),
          fc.array(fc.tuple(fc.nat(), surprise), { maxLength: 2 }),
          fc.boolean(),
          async (wrongLabels, query, spoils, keepLabels) => {
            const all: Record<string, string> = { ...wrongLabels, ...(keepLabels ? labels : {}) };
            const target = path.replace(/\{(\w+)\}/g, (_, label: string) => safe(all[label] ?? "n-X") || "x");
            const search = Object.entries(query).map(([key, value]) => `${key}=${safe(value)}`);
            const body = spoilt(bodies()[name] ?? {}, spoils);
            const isRead = method === "GET" || method === "DELETE";
            const full = isRead && search.length > 0 ? `${target}?${search.join("&")}` : target;
            const answer = await raw(plane.url, 0, method, full, isRead ? undefined : body);
            assert.notEqual(answer.status, 500, JSON.stringify(answer.body));
            if (answer.status !== 200) assert.match(String(answer.body.message), /\w/);
          },
        ),
        { numRuns: 25 },
      );
    });

  it("leave the server as it was", async () => {
    await plane.idle();
    const answer = await raw(plane.url, 0, "GET", `/networks/${net.networkId}`);
    assert.ok(answer.status === 200 || answer.status === 404, "the member may have been removed by its own vote");
    assert.equal((await raw(plane.url, 0, "GET", "/networks")).status, 200);
  });
});

/** Dots alone would be taken for a path's own. */
function safe(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "")).replaceAll(".", "%2E");
}

/** Puts something else into a place of the body, wherever it lies. */
function spoilt(body: Record<string, unknown>, spoils: readonly (readonly [number, unknown])[]): unknown {
  const copy = structuredClone(body);
  for (const [place, value] of spoils) {
    const places: [Record<string, unknown>, string][] = [];
    const walk = (holder: unknown) => {
      if (typeof holder !== "object" || holder === null) return;
      for (const key of Object.keys(holder)) {
        places.push([holder as Record<string, unknown>, key]);
        walk((holder as Record<string, unknown>)[key]);
      }
    };
    walk(copy);
    const chosen = places[place % Math.max(1, places.length)];
    if (chosen !== undefined) chosen[0][chosen[1]] = value;
  }
  return copy;
}
