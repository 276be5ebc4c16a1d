import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { common } from "@hansa/wire";
import fc from "fast-check";
import { certify, mspOf, rootCa, signerOf } from "./fixtures.js";
import type { Identity } from "./identity.js";
import { MspManager } from "./manager.js";
import { compileImplicitMeta, compileSignaturePolicy, type Policy, rejectPolicy } from "./policy.js";
import { formatPolicy, parsePolicy, signedByOutOf } from "./policy-text.js";
import { rolePrincipal } from "./principal.js";

const names = ["A", "B", "C"] as const;
const roots = Object.fromEntries(names.map((name) => [name, rootCa(name)]));
const manager = new MspManager(names.map((name) => mspOf(name, { caCertPems: [roots[name]?.certificate.pem ?? ""] })));
const message = Buffer.from("the order of the day");

function signer(name: (typeof names)[number], unit = "peer") {
  return signerOf(name, certify(roots[name] as (typeof roots)[string], `${unit}.${name}`, [unit]));
}

function signed(...signers: ReturnType<typeof signer>[]) {
  return signers.map((each) => ({ identity: each.serialized, message, signature: each.sign(message) }));
}

function policy(text: string): Policy {
  return compileSignaturePolicy(parsePolicy(text), manager);
}

describe("signature policies", () => {
  const [a, b, c, admin] = [signer("A"), signer("B"), signer("C"), signer("A", "admin")];

  it("count signers by principal", () => {
    assert.deepEqual(policy("AND('A.peer','B.peer')").evaluateSigned(signed(a, b)), { ok: true });
    assert.deepEqual(policy("AND('A.peer','B.peer')").evaluateSigned(signed(a, c)), {
      ok: false,
      reason: "signature set did not satisfy policy",
      missing: ["B.peer"],
    });
    assert.equal(policy("OutOf(2,'A.peer','B.peer','C.peer')").evaluateSigned(signed(c, b)).ok, true);
    assert.equal(policy("OR('A.admin')").evaluateSigned(signed(a)).ok, false);
    assert.equal(policy("OR('A.admin')").evaluateSigned(signed(admin)).ok, true);
    assert.equal(policy("OutOf(0,'A.admin')").evaluateSigned([]).ok, true);
  });

  it("count one signer once, however often it signed", () => {
    assert.equal(policy("AND('A.member','A.member')").evaluateSigned(signed(a, a)).ok, false);
    assert.equal(policy("AND('A.member','A.member')").evaluateSigned(signed(a, admin)).ok, true);
  });

  it("leave out wrong signatures and unreadable identities", () => {
    const [good] = signed(a);
    const bad = { ...good, message: Buffer.from("another") };
    const unreadable = { ...good, identity: Buffer.from("garbage") };
    const set = [unreadable, bad, good].flatMap((each) => (each?.signature ? [each as Required<typeof each>] : []));
    assert.equal(policy("OR('A.peer')").evaluateSigned(set as never).ok, true);
    assert.equal(policy("OR('A.peer')").evaluateSigned(set.slice(0, 2) as never).ok, false);
  });

  it("are greedy in order, as in Fabric: a way that needs going back is not found", () => {
    const greedy = policy("AND('A.member','A.admin')");
    assert.equal(greedy.evaluateSigned(signed(admin, a)).ok, false);
    assert.equal(greedy.evaluateSigned(signed(a, admin)).ok, true);
  });

  it("that cannot be compiled say why", () => {
    const compile = (envelope: common.ISignaturePolicyEnvelope) => () => compileSignaturePolicy(envelope, manager);
    assert.throws(compile({}), { message: "Empty policy element" });
    assert.throws(compile({ version: 1, rule: { signedBy: 0 } }), {
      message: "This evaluator only understands messages of version 0, but version was 1",
    });
    assert.throws(compile({ rule: { signedBy: 1 }, identities: [rolePrincipal("A", "peer")] }), {
      message: "identity index out of range, requested 1, but identities length is 1",
    });
    assert.throws(compile({ rule: { signedBy: -1 }, identities: [rolePrincipal("A", "peer")] }), {
      fault: "INVALID_POLICY",
    });
    assert.throws(compile({ rule: {} }), { fault: "INVALID_POLICY" });
  });
});

type Tree = { leaf: number } | { n: number; rules: Tree[] };

/** Fabric's evaluation written without shared state: the set of used signers goes in and comes out. */
function naive(
  tree: Tree,
  signers: readonly number[][],
  used: ReadonlySet<number>,
): { ok: boolean; used: ReadonlySet<number> } {
  if ("leaf" in tree) {
    const at = signers.findIndex((holds, index) => !used.has(index) && holds.includes(tree.leaf));
    return at < 0 ? { ok: false, used } : { ok: true, used: new Set([...used, at]) };
  }
  let count = 0;
  let now = used;
  for (const rule of tree.rules) {
    const result = naive(rule, signers, now);
    if (!result.ok) continue;
    count++;
    now = result.used;
  }
  return { ok: count >= tree.n, used: now };
}

/** Whether some assignment of distinct signers to leaves satisfies the tree. */
function possible(tree: Tree, signers: readonly number[][]): boolean {
  const ways = (node: Tree, used: number): number[] => {
    if ("leaf" in node) {
      return signers.flatMap((holds, i) =>
        ((used >> i) & 1) === 0 && holds.includes(node.leaf) ? [used | (1 << i)] : [],
      );
    }
    let states: { used: number; count: number }[] = [{ used, count: 0 }];
    for (const rule of node.rules) {
      states = states.flatMap((state) => [
        state,
        ...ways(rule, state.used).map((next) => ({ used: next, count: state.count + 1 })),
      ]);
      states = [...new Map(states.map((state) => [`${state.used}/${state.count}`, state])).values()];
    }
    return [...new Set(states.filter((state) => state.count >= node.n).map((state) => state.used))];
  };
  return ways(tree, 0).length > 0;
}

const { tree } = fc.letrec<{ tree: Tree; leaf: Tree; gate: Tree }>((tie) => ({
  tree: fc.oneof({ depthSize: "small" }, tie("leaf"), tie("gate")),
  leaf: fc.record({ leaf: fc.nat(3) }),
  gate: fc.record({ n: fc.nat(3), rules: fc.array(tie("tree"), { maxLength: 3 }) }),
}));

function toMessage(node: Tree): common.ISignaturePolicy {
  return "leaf" in node ? { signedBy: node.leaf } : { nOutOf: { n: node.n, rules: node.rules.map(toMessage) } };
}

describe("the evaluator", () => {
  it("agrees with a naive model and never accepts the impossible", () => {
    const principals = [0, 1, 2, 3].map((n) => ({ principalClassification: 0, principal: Buffer.from([n]) }));
    const signers = fc.array(fc.uniqueArray(fc.nat(3), { maxLength: 4 }), { maxLength: 5 });
    fc.assert(
      fc.property(tree, signers, (node, holds) => {
        const identities = holds.map((set) => ({
          satisfies: (principal: common.IMSPPrincipal) => set.includes(principal.principal?.[0] ?? -1),
        })) as unknown as Identity[];
        const compiled = compileSignaturePolicy({ rule: toMessage(node), identities: principals }, manager);
        const verdict = compiled.evaluateIdentities(identities).ok;
        assert.equal(verdict, naive(node, holds, new Set()).ok);
        if (verdict) assert.ok(possible(node, holds));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("implicit meta policies", () => {
  const parts = (...oks: boolean[]): Policy[] =>
    oks.map((ok) => {
      const verdict = ok ? ({ ok } as const) : ({ ok, reason: "no" } as const);
      return { evaluateSigned: () => verdict, evaluateIdentities: () => verdict };
    });
  const { Rule } = common.ImplicitMetaPolicy;

  it("count groups", () => {
    const holds = (rule: number, ...oks: boolean[]) =>
      compileImplicitMeta({ rule, subPolicy: "Admins" }, parts(...oks)).evaluateSigned([]).ok;
    assert.equal(holds(Rule.ANY, false, true), true);
    assert.equal(holds(Rule.ANY, false, false), false);
    assert.equal(holds(Rule.ALL, true, true), true);
    assert.equal(holds(Rule.ALL, true, false), false);
    assert.equal(holds(Rule.MAJORITY, true, true, false), true);
    assert.equal(holds(Rule.MAJORITY, true, false), false, "half is no majority");
    for (const rule of [Rule.ANY, Rule.ALL, Rule.MAJORITY]) assert.equal(holds(rule), true, "nobody to ask");
  });

  it("say it in Fabric's words", () => {
    const meta = compileImplicitMeta({ rule: Rule.MAJORITY, subPolicy: "Admins" }, [
      ...parts(true),
      rejectPolicy("Admins"),
    ]);
    assert.deepEqual(meta.evaluateIdentities([]), {
      ok: false,
      reason:
        "implicit policy evaluation failed - 1 sub-policies were satisfied, but this policy requires 2 of the 'Admins' sub-policies to be satisfied",
      missing: [],
    });
    assert.deepEqual(rejectPolicy("Admins").evaluateSigned([]), { ok: false, reason: "no such policy: 'Admins'" });
  });
});

describe("policy texts", () => {
  it("number principals as Fabric's tools do: inner gates first", () => {
    const envelope = parsePolicy("OR('A.member', AND('B.peer','C.admin'), 'A.member')");
    assert.deepEqual(envelope.identities, [
      rolePrincipal("B", "peer"),
      rolePrincipal("C", "admin"),
      rolePrincipal("A", "member"),
      rolePrincipal("A", "member"),
    ]);
    assert.deepEqual(envelope.rule, {
      nOutOf: {
        n: 1,
        rules: [{ signedBy: 2 }, { nOutOf: { n: 2, rules: [{ signedBy: 0 }, { signedBy: 1 }] } }, { signedBy: 3 }],
      },
    });
  });

  it("accept the spellings that Fabric's tools accept", () => {
    for (const text of [
      "AND('A.peer')",
      'and("A.peer")',
      " And( 'A.peer' ) ",
      "OutOf(1, 'A.peer')",
      "outof('1','A.peer')",
      "OUTOF(1.0,'A.peer')",
      "OutOf(2,'A.peer')",
    ]) {
      assert.deepEqual(parsePolicy(text).identities, [rolePrincipal("A", "peer")], text);
    }
  });

  it("are refused with the place of the mistake", () => {
    const cases: [string, RegExp][] = [
      ["", /position 1: the end of the text is no gate/],
      ["'A.peer'", /position 1: 'A.peer' is no gate/],
      ["XOR('A.peer')", /position 1: 'XOR' is no gate; AND, OR and OutOf are/],
      ["AND('A.boss')", /position 5: 'A.boss' is not MSPID.role, with the role one of member, admin/],
      ["AND('A_1.peer')", /position 5/],
      ["AND('A.peer' 'B.peer')", /position 14: "," belongs here/],
      ["AND('A.peer'", /position 13/],
      ["AND()", /position 5: AND names nobody/],
      ["OutOf(3,'A.peer')", /position 7: invalid t-out-of-n predicate, t 3, n 1/],
      ["OutOf('A.peer')", /position 7: OutOf begins with a number/],
      ["OutOf(-1,'A.peer')", /position 7/],
      ["AND('A.peer') x", /position 15: 'x' stands after the end/],
      ["AND('A.peer';'B.peer')", /position 13: unrecognized token ';'/],
      [`${"AND(".repeat(100)}'A.peer'${")".repeat(100)}`, /nested deeper/],
    ];
    for (const [text, expected] of cases) {
      assert.throws(
        () => parsePolicy(text),
        (error: Error) => error.name === "MspError" && expected.test(error.message),
        text,
      );
    }
  });

  it("are written and read back to the same meaning", () => {
    fc.assert(
      fc.property(tree, (node) => {
        const identities = ["A", "B", "C", "D"].map((name) => rolePrincipal(name, "peer"));
        const text = formatPolicy({ rule: toMessage(node), identities });
        if (text.includes("OutOf(") && !isExpressible(node)) return;
        if ("leaf" in node || !isExpressible(node)) return;
        assert.equal(formatPolicy(parsePolicy(text)), text);
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        try {
          parsePolicy(text);
        } catch (error) {
          assert.equal((error as Error).name, "MspError");
        }
      }),
    );
  });

  it("for n of the members list them sorted", () => {
    assert.equal(formatPolicy(signedByOutOf(2, "peer", ["C", "A", "B"])), "OutOf(2, 'A.peer', 'B.peer', 'C.peer')");
  });
});

function isExpressible(node: Tree): boolean {
  return (
    "leaf" in node || (node.rules.length > 0 && node.n <= node.rules.length + 1 && node.rules.every(isExpressible))
  );
}
