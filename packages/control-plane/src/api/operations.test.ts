/** The routes are those of the service's model, and the reference page lists each of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as aws from "@aws-sdk/client-managedblockchain";
import { ApiError } from "../errors.js";
import { route } from "../http/routes.js";
import { OPERATIONS } from "./operations.js";

const page = readFileSync(new URL("../../../../docs/reference/managed-blockchain-api.md", import.meta.url), "utf8");
const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));

describe("operations", () => {
  it("are all that the SDK knows", () => {
    const known = Object.keys(aws)
      .map((name) => /^([A-Z]\w+)Command$/.exec(name)?.[1])
      .filter((name) => name !== undefined);
    assert.equal(known.length, 27);
    const served = new Set<string>(OPERATIONS.map(({ name }) => name));
    assert.deepEqual(
      known.filter((name) => !served.has(name)),
      [],
    );
  });

  it("are on the reference page, each with its route", () => {
    const onPage = rows
      .filter(([, name]) => /^[A-Z][A-Za-z]+$/.test(name ?? ""))
      .map(([, name, path]) => `${name} ${path}`);
    const old = (path: string) => path.startsWith("/networks/{networkId}/members/{memberId}/nodes");
    const served = OPERATIONS.filter(({ path }) => !old(path)).map(
      ({ name, method, path }) => `${name} ${method} ${path}`,
    );
    assert.deepEqual(onPage.toSorted(), served.toSorted());
  });

  it("answer with errors that are on the reference page with their status", () => {
    const onPage = rows
      .map(([, name, status]) => [/^`(\w+Exception)`$/.exec(name ?? "")?.[1], Number(status)] as const)
      .filter((entry): entry is [ConstructorParameters<typeof ApiError>[0], number] => entry[0] !== undefined);
    assert.ok(onPage.length >= 15);
    for (const [name, status] of onPage) assert.equal(new ApiError(name, "").status, status, name);
  });

  it("are found by their paths, with labels decoded after the split", () => {
    const found = route("GET", "/tags/arn%3Aaws%3Ax%3A%2Fn-A?b=c");
    assert.equal(found.operation.name, "ListTagsForResource");
    assert.deepEqual([found.labels, found.query], [{ resourceArn: "arn:aws:x:/n-A" }, "b=c"]);
    assert.equal(route("GET", "/networks/").operation.name, "ListNetworks");
    for (const target of ["/", "", "//", "/networks/a/b", "/tags/a/b", "/hansa"])
      assert.throws(() => route("GET", target), ApiError, target);
  });
});
