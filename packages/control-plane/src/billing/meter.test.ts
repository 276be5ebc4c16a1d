import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { billLines, type MeteredMember, total } from "./meter.js";
import { PRICES_2026_04 } from "./prices.js";

const HOUR = 3_600_000;
const YEAR = 8_760 * HOUR;
const GB = 2 ** 30;

const member = (change: Partial<MeteredMember> = {}): MeteredMember => ({
  memberId: "m-A",
  edition: "STANDARD",
  from: 0,
  to: undefined,
  nodes: [{ nodeId: "nd-A", instanceType: "bc.m5.large", from: 0, to: undefined, storage: [] }],
  written: [],
  ...change,
});

const bill = (metered: MeteredMember, from: number, to: number) => billLines(metered, { from, to }, PRICES_2026_04);
const cost = (metered: MeteredMember, from: number, to: number) => total(bill(metered, from, to));
const isNear = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

describe("the meter", () => {
  it("comes to the known sum for a standard member with one m5.large", () => {
    isNear(cost(member(), 0, HOUR), 0.704);
    assert.equal(Math.round(cost(member(), 0, YEAR)), 6_167);
  });

  it("says how sure each price is", () => {
    const nodes = [{ nodeId: "nd-A", instanceType: "bc.t3.large", from: 0, to: undefined, storage: [] }];
    assert.deepEqual(
      bill(member({ nodes }), 0, HOUR).map(({ item, of, quantity, price, confidence }) => [
        item,
        of,
        quantity,
        price,
        confidence,
      ]),
      [
        ["membership", "STANDARD", 1, 0.55, "quoted"],
        ["node", "nd-A", 1, 0.134, "estimated"],
      ],
    );
  });

  it("counts begun seconds", () => {
    assert.equal(bill(member({ nodes: [] }), 0, 1)[0]?.quantity, 1 / 3_600);
    assert.equal(bill(member({ nodes: [] }), 0, 1_001)[0]?.quantity, 2 / 3_600);
  });

  it("counts only what lies in the period, and a node only as long as its member is there", () => {
    const nodes = [{ nodeId: "nd-A", instanceType: "bc.t3.small", from: 5 * HOUR, to: 50 * HOUR, storage: [] }];
    const metered = member({ from: 2 * HOUR, to: 10 * HOUR, nodes });
    const quantities = (from: number, to: number) =>
      bill(metered, from * HOUR, to * HOUR).map(({ quantity }) => quantity);
    assert.deepEqual(quantities(0, 100), [8, 5]);
    assert.deepEqual(quantities(0, 4), [2]);
    assert.deepEqual(quantities(6, 7), [1, 1]);
    assert.deepEqual(quantities(10, 100), []);
    assert.deepEqual(quantities(0, 2), []);
  });

  it("integrates storage over time", () => {
    const storage = [[0, GB] as const, [365 * HOUR, 3 * GB] as const];
    const nodes = [{ nodeId: "nd-A", instanceType: "bc.t3.small", from: 0, to: undefined, storage }];
    const stored = bill(member({ nodes }), 0, 730 * HOUR).find(({ item }) => item === "storage");
    isNear(stored?.quantity ?? 0, 2);
    isNear(stored?.amount ?? 0, 0.2);
  });

  it("counts what was written in the period, also what was ordered just after a departure", () => {
    const written = [[HOUR, GB] as const, [2 * HOUR, 2 * GB] as const, [10 * HOUR + 1, 4 * GB] as const];
    const quantity = (from: number, to: number) =>
      bill(member({ to: 10 * HOUR, written }), from, to).find(({ item }) => item === "data-written")?.quantity;
    assert.equal(quantity(0, 100 * HOUR), 7);
    assert.equal(quantity(HOUR, 2 * HOUR), 1);
    assert.equal(quantity(HOUR + 1, 2 * HOUR + 1), 2);
    assert.equal(quantity(3 * HOUR, 10 * HOUR), undefined);
    const line = bill(member({ written }), 0, 2 * HOUR).at(-1);
    assert.deepEqual(line, {
      item: "data-written",
      of: "m-A",
      unit: "GB",
      quantity: 1,
      price: 0.1,
      confidence: "quoted",
      amount: 0.1,
    });
  });

  it("names an instance type without a price, and charges nothing for it", () => {
    const nodes = [{ nodeId: "nd-A", instanceType: "bc.unknown", from: 0, to: undefined, storage: [] }];
    const line = bill(member({ nodes }), 0, HOUR)[1];
    assert.deepEqual([line?.price, line?.amount], [undefined, 0]);
  });

  it("is the same whether a period is billed at once or in parts", () => {
    const time = fc.integer({ min: 0, max: 10_000 }).map((seconds) => seconds * 1000);
    fc.assert(
      fc.property(
        fc.array(time, { minLength: 3, maxLength: 8 }),
        fc.array(fc.tuple(time, fc.nat(1e12)), { maxLength: 6 }),
        (times, sizes) => {
          const [from = 0, ...cuts] = times.toSorted((a, b) => a - b);
          const end = cuts.at(-1) ?? from;
          const storage = sizes.toSorted(([a], [b]) => a - b);
          const nodes = [{ nodeId: "nd-A", instanceType: "bc.m5.large", from: 1_000, to: 9_000_000, storage }];
          const metered = member({ from: 500_000, to: 8_000_000, nodes, written: storage });
          let sum = 0;
          let last = from;
          for (const cut of cuts) {
            sum += cost(metered, last, cut);
            last = cut;
          }
          assert.ok(Math.abs(sum - cost(metered, from, end)) < 1e-6);
        },
      ),
    );
  });
});
