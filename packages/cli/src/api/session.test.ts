import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { typedId } from "./ids.js";
import { type NetworkScope, Session } from "./session.js";
import type { MemberSummary } from "./shapes.js";

describe("members by name", () => {
  const member = (Id: string, Name: string, Status = "AVAILABLE") => ({ Id, Name, Status }) as MemberSummary;
  const members = [
    member("m-1", "Farm", "DELETED"),
    member("m-2", "Roaster"),
    member("m-3", "Farm", "DELETED"),
    member("m-4", "Pub", "DELETED"),
    member("m-5", "Pub"),
  ];
  const client = { list: async () => members };
  const scope = { account: { client }, network: { Name: "coffee" }, path: "/networks/n-1" } as unknown as NetworkScope;
  const session = new Session({ url: "http://x", region: "us-east-1" }, []);

  it("are those that are there", async () => {
    assert.equal(await session.memberId(scope, "roaster"), "m-2");
    assert.equal(await session.memberId(scope, "m-5"), "m-5");
    for (const wanted of ["Farm", "m-1", "Nobody"])
      await assert.rejects(session.memberId(scope, wanted), {
        code: "UNKNOWN_MEMBER",
        nextStep: "Use one of: Roaster, Pub.",
      });
  });

  it("are those that went, too, where that is asked, the last one of a name", async () => {
    const gone = (wanted: string) => session.memberId(scope, wanted, { gone: true });
    assert.deepEqual([await gone("farm"), await gone("m-1"), await gone("Pub")], ["m-3", "m-1", "m-5"]);
    await assert.rejects(gone("Nobody"), { code: "UNKNOWN_MEMBER" });
  });
});

describe("an id that was typed", () => {
  it("can stand in a path", () => {
    assert.equal(typedId("p-ABC234", "p-ABC…"), "p-ABC234");
    for (const text of ["", ".", "..", "p-A#x", "p-A?x=y", "p-A/votes", "p A", "%41"])
      assert.throws(() => typedId(text, "p-ABC…"), {
        code: "USAGE",
        message: /is no id; expected for instance p-ABC…/,
      });
  });
});
