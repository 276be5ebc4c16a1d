import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unixMs } from "@hansa/primitives";
import type { Act, Proposed } from "./acts.js";
import { checkForm } from "./checks.js";
import { GovernanceRefusal } from "./error.js";
import { founding, MAJORITY, testMember } from "./testing/network.js";

const proposed: Proposed = {
  kind: "proposed",
  proposalId: "p-1",
  memberId: "m-A",
  invitations: [{ invitationId: "in-1", accountId: "123456789012" }],
  removals: [],
  tags: {},
};
const founded = founding("A");
const accepted = { kind: "invitationAccepted", invitationId: "in-1", member: testMember("B") } as const;
const many = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

describe("the form of an act", () => {
  const rows: [what: string, act: Act, message: RegExp][] = [
    ["an id with a path in it", { kind: "left", memberId: "m-../x" }, /"m-..\/x" is not an id of the form m-…/],
    ["an id of another kind", { kind: "left", memberId: "p-1" }, /of the form m-…/],
    ["an id of 33 characters", { kind: "left", memberId: `m-${"A".repeat(31)}` }, /of the form m-…/],
    [
      "an account that is none",
      { ...proposed, invitations: [{ invitationId: "in-1", accountId: "12" }] },
      /"12" is no/,
    ],
    ["no action", { ...proposed, invitations: [] }, /proposes nothing/],
    ["too many actions", { ...proposed, removals: many(101).map((n) => `m-${n}`) }, /at most 100 actions, not 102/],
    ["a member removed twice", { ...proposed, removals: ["m-B", "m-B"] }, /member to remove m-B is named twice/],
    [
      "an invitation twice",
      { ...proposed, invitations: [...proposed.invitations, ...proposed.invitations] },
      /invitation in-1 is named twice/,
    ],
    ["a long description in pictures", { ...proposed, description: "☕😀".repeat(65) }, /at most 128 characters/],
    ["a long description", { ...proposed, description: "x".repeat(129) }, /at most 128 characters/],
    [
      "too many tags",
      { ...proposed, tags: Object.fromEntries(many(51).map((n) => [n, ""])) },
      /at most 50 tags, not 51/,
    ],
    ["a tag without a key", { ...proposed, tags: { "": "x" } }, /key has 1 to 128/],
    ["a long tag", { ...proposed, tags: { a: "x".repeat(257) } }, /longer than 256/],
    ["a channel that cannot be", { ...proposed, channels: { kind: "listed", names: ["Trade"] } }, /"Trade" cannot be/],
    [
      "an empty list of channels",
      { ...proposed, channels: { kind: "listed", names: [] } },
      /list of channels is empty/,
    ],
    ["a channel twice", { ...proposed, channels: { kind: "listed", names: ["a", "a"] } }, /channel a is named twice/],
    ["101 %", { ...founded, policy: { ...MAJORITY, thresholdPercentage: 101 } }, /101 % is not allowed/],
    ["half a percent", { ...founded, policy: { ...MAJORITY, thresholdPercentage: 0.5 } }, /0.5 % is not allowed/],
    ["0 hours", { ...founded, policy: { ...MAJORITY, proposalDurationHours: 0 } }, /open for 0 hours/],
    ["169 hours", { ...founded, policy: { ...MAJORITY, proposalDurationHours: 169 } }, /open for 169 hours/],
    ["a blank name", { ...founded, name: "  " }, /name has 1 to 64/],
    ["no founder", { ...founded, members: [] }, /at least one member/],
    ["a limit below nothing", { ...founded, rules: { ...founded.rules, memberLimit: -1 } }, /-1 is no limit/],
    ["a key of nobody", { ...founded, operatorIdentity: new Uint8Array([1]) }, /identity cannot be read/],
    ["a key of another", { ...founded, operatorIdentity: testMember("A").governanceIdentity }, /is of MSP "AMSP"/],
    [
      "a definition of nobody",
      { ...accepted, member: { ...testMember("B"), mspConfig: Buffer.from("x") } },
      /cannot be/,
    ],
    ["an MSP id of another", { ...accepted, member: { ...testMember("B"), mspId: "CMSP" } }, /belongs to BMSP/],
    ["an MSP id with blanks", { ...accepted, member: { ...testMember("B"), mspId: "B MSP" } }, /cannot be an MSP id/],
    [
      "a name that begins with a digit",
      { ...accepted, member: { ...testMember("B"), name: "1B" } },
      /cannot be a member/,
    ],
    ["a name with two dashes", { ...accepted, member: { ...testMember("B"), name: "B--C" } }, /cannot be a member/],
    ["a time that is none", { kind: "clockAdvanced", to: unixMs(0.5) }, /is not a time/],
    ["a time that no calendar has", { kind: "clockAdvanced", to: unixMs(9e15) }, /is not a time/],
    ["a long failure", { kind: "enacted", enactmentId: "x", channels: [], failure: "x".repeat(4097) }, /too long/],
  ];
  for (const [what, act, message] of rows) {
    it(`does not allow ${what}`, () => {
      assert.throws(
        () => checkForm(act),
        (error) => error instanceof GovernanceRefusal && error.reason === "INVALID" && message.test(error.message),
      );
    });
  }

  it("allows what is within bounds", () => {
    for (const act of [founded, proposed, accepted]) checkForm(act);
    const [picture, pictures] = ["☕".repeat(64), "😀".repeat(128)];
    checkForm({ ...founded, name: picture, description: pictures });
    checkForm({ ...proposed, description: pictures, tags: { [pictures]: pictures.repeat(2) } });
  });
});
