/** What contracts ask of their peer through the shim, seen from outside. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { EndorseError, GatewayError, StatusCode } from "@hyperledger/fabric-gateway";
import { until } from "../../support/until.js";
import { BOTH, CHANNEL, EITHER, type Fixture, failureOf, GUARDED, json, saying, text } from "./fixture.js";

type Row = { key: string; value: string };
type Page = { rows: Row[]; fetched: number; bookmark: string };

export function state(fixture: () => Fixture): void {
  const fill = async (prefix: string, count: number) => {
    const contract = fixture().contract(EITHER);
    const keys = Array.from({ length: count }, (_, index) => `${prefix}/${index + 1}`);
    await Promise.all(keys.map((key) => contract.submitTransaction("put", key, `value of ${key}`)));
    return keys;
  };

  describe("contracts", () => {
    it("read ranges, the end left out", async () => {
      const contract = fixture().contract(EITHER);
      const prefix = fixture().key();
      const keys = await fill(prefix, 5);
      const rows = await json<Row[]>(contract.evaluateTransaction("range", `${prefix}/1`, `${prefix}/4`));
      assert.deepEqual(
        rows.map(({ key }) => key),
        keys.slice(0, 3),
      );
      assert.equal(rows[0]!.value, `value of ${prefix}/1`);
      assert.deepEqual(await json<Row[]>(contract.evaluateTransaction("range", `${prefix}/6`, `${prefix}/7`)), []);
      const open = await json<Row[]>(contract.evaluateTransaction("range", `${prefix}/5`, ""));
      assert.equal(open[0]!.key, `${prefix}/5`);
    });

    it("read ranges page by page", async () => {
      const contract = fixture().contract(EITHER);
      const prefix = fixture().key();
      const keys = await fill(prefix, 5);
      const seen: string[] = [];
      let bookmark = "";
      for (const expected of [2, 2, 1]) {
        const page = await json<Page>(contract.evaluateTransaction("page", `${prefix}/`, `${prefix}/~`, "2", bookmark));
        assert.equal(page.fetched, expected);
        seen.push(...page.rows.map(({ key }) => key));
        bookmark = page.bookmark;
      }
      assert.deepEqual(seen, keys);
      assert.equal(bookmark, "");
    });

    it("may not write once they have read a page", async () => {
      const error = await failureOf(
        fixture().contract(EITHER).submitTransaction("pageAndWrite", "a", "z"),
        EndorseError,
      );
      assert.match(
        error.details[0]!.message,
        /Transaction has already performed a paginated query\. Writes are not allowed/,
      );
    });

    it("find what lies below a part of a composite key", async () => {
      const contract = fixture().contract(EITHER);
      const type = fixture().key();
      for (const [city, pub] of [
        ["Lübeck", "Anker"],
        ["Lübeck", "Krone"],
        ["Lübecker Bucht", "Düne"],
        ["Wismar", "Schiff"],
      ])
        await contract.submitTransaction("putComposite", type, JSON.stringify([city, pub]), `${pub} in ${city}`);
      const found = (attributes: string[]) =>
        json<{ attributes: string[]; value: string }[]>(
          contract.evaluateTransaction("composites", type, JSON.stringify(attributes)),
        );
      assert.deepEqual(await found(["Lübeck"]), [
        { attributes: ["Lübeck", "Anker"], value: "Anker in Lübeck" },
        { attributes: ["Lübeck", "Krone"], value: "Krone in Lübeck" },
      ]);
      assert.equal((await found([])).length, 4);
      assert.deepEqual(await found(["Rostock"]), []);
      const plain = await json<Row[]>(contract.evaluateTransaction("range", "", ""));
      assert.ok(!plain.some(({ key }) => key.includes(type)), "plain ranges do not show composite keys");

      type Values = { values: string[]; fetched: number; bookmark: string };
      const page = (bookmark: string) =>
        json<Values>(contract.evaluateTransaction("pageOfComposites", type, "[]", "3", bookmark));
      const first = await page("");
      assert.equal(first.fetched, 3);
      assert.deepEqual((await page(first.bookmark)).values, ["Schiff in Wismar"]);
    });

    it("read the history of a key, newest first", async () => {
      const contract = fixture().contract(EITHER);
      const key = fixture().key();
      const ids: string[] = [];
      for (const [name, ...args] of [
        ["put", key, "one"],
        ["put", key, "two"],
        ["remove", key],
        ["put", key, "three"],
      ]) {
        const commit = await contract.submitAsync(name!, { arguments: args });
        assert.equal((await commit.getStatus()).code, StatusCode.VALID);
        ids.push(commit.getTransactionId());
      }
      type Step = { txId: string; isDelete: boolean; value: string; seconds: number };
      const history = await json<Step[]>(contract.evaluateTransaction("history", key));
      assert.deepEqual(
        history.map(({ txId, isDelete, value }) => [txId, isDelete, value]),
        [
          [ids[3], false, "three"],
          [ids[2], true, ""],
          [ids[1], false, "two"],
          [ids[0], false, "one"],
        ],
      );
      for (const { seconds } of history) assert.ok(Math.abs(seconds - Date.now() / 1000) < 60);
    });

    it("are found by what is in them", async () => {
      const contract = fixture().contract(EITHER);
      const [key, other] = [fixture().key(), fixture().key()];
      await contract.submitTransaction("put", key, JSON.stringify({ marked: key, size: 2 }));
      await contract.submitTransaction("put", other, JSON.stringify({ marked: key, size: 5 }));
      const query = JSON.stringify({ selector: { marked: key, size: { $gt: 3 } } });
      const found = await json<unknown[]>(contract.evaluateTransaction("richQuery", query));
      assert.equal(found.length, 1);
      assert.match(JSON.stringify(found), new RegExp(other));
      const error = await failureOf(
        contract.evaluateTransaction("richQuery", '{"selector":{"a":{"$b":1}}}'),
        GatewayError,
      );
      assert.match(
        saying(error),
        /GET_QUERY_RESULT failed: .*error handling CouchDB request\. Error:invalid_operator, {2}Status Code:400/,
      );
    });

    it("guard a key, which is then changed only by those it names", async () => {
      const contract = fixture().contract(EITHER);
      const key = fixture().key();
      const put = async (value: string, ...endorsingOrganizations: string[]) => {
        const commit = await contract.submitAsync("put", { arguments: [key, value], endorsingOrganizations });
        return (await commit.getStatus()).code;
      };
      assert.equal(await put("free", "Org1MSP"), StatusCode.VALID);
      await contract.submitTransaction("guard", key, JSON.stringify(["Org1MSP", "Org2MSP"]));
      const guards = await json<string[]>(contract.evaluateTransaction("guards", key));
      assert.deepEqual(guards.sort(), ["Org1MSP", "Org2MSP"]);
      assert.equal(await put("by one", "Org1MSP"), StatusCode.ENDORSEMENT_POLICY_FAILURE);
      assert.equal(await put("by both", "Org1MSP", "Org2MSP"), StatusCode.VALID);
      assert.equal(
        text(await contract.submitTransaction("put", key, "as planned")),
        "as planned",
        "the gateway asks both",
      );
      assert.equal(text(await contract.evaluateTransaction("get", key)), "as planned");
    });

    it("call each other, on one channel as one transaction", async () => {
      const contract = fixture().contract(EITHER);
      const key = fixture().key();
      const args = JSON.stringify(["put", key, "through another"]);
      const answer = await json<{ status: number; payload: string }>(
        contract.submitTransaction("call", BOTH, args, ""),
      );
      assert.deepEqual(answer, { status: 200, message: "", payload: "through another" });
      assert.equal(text(await fixture().contract(BOTH).evaluateTransaction("get", key)), "through another");
      assert.equal(text(await contract.evaluateTransaction("get", key)), "", "each keeps its own state");
      const alone = await contract.submitAsync("call", {
        arguments: [BOTH, args, CHANNEL],
        endorsingOrganizations: ["Org1MSP"],
      });
      assert.equal(
        (await alone.getStatus()).code,
        StatusCode.ENDORSEMENT_POLICY_FAILURE,
        "the other's policy counts too",
      );
    });

    it("hear why another contract refused, or is not there", async () => {
      const contract = fixture().contract(EITHER);
      const refused = await json<{ status: number; message: string }>(
        contract.evaluateTransaction("call", BOTH, JSON.stringify(["fail", "not today"]), ""),
      );
      assert.deepEqual(refused, { status: 500, message: "not today", payload: "" });
      const missing = await failureOf(
        contract.evaluateTransaction("call", "nosuch", JSON.stringify(["get", "k"]), ""),
        GatewayError,
      );
      assert.match(saying(missing), /chaincode nosuch not found/);
    });

    it("wait for Init where it is required", async () => {
      const contract = fixture().contract(GUARDED);
      const error = await failureOf(contract.evaluateTransaction("get", "k"), GatewayError);
      assert.match(error.details[0]!.message, /has not been initialized for this version, must call as init first/);
    });
  });

  describe("private data", () => {
    /** What a member's own peer answers, once it has caught up: the writer waited for another peer's commit. */
    const readBy = (member: string, ...[name, ...args]: [string, ...string[]]) =>
      until(`an answer from the peer of ${member}`, async () => {
        const answer = fixture()
          .contract(EITHER, member)
          .evaluateTransaction(name, ...args);
        const found = await answer.then(text, () => "");
        return found === "" ? undefined : found;
      });

    it("is read by those who hold it, and known by its hash to the others", async () => {
      const key = fixture().key();
      const contract = fixture().contract(EITHER);
      await contract.submit("putPrivate", { arguments: ["onlyOrg1", key], transientData: { value: "a secret" } });
      assert.equal(text(await contract.evaluateTransaction("getPrivate", "onlyOrg1", key)), "a secret");
      const hash = createHash("sha256").update("a secret").digest("hex");
      for (const member of ["Org1", "Org2"]) assert.equal(await readBy(member, "hashPrivate", "onlyOrg1", key), hash);
      const error = await failureOf(
        fixture().contract(EITHER, "Org2").evaluateTransaction("getPrivate", "onlyOrg1", key),
        GatewayError,
      );
      assert.match(
        saying(error),
        /tx creator does not have read access permission on privatedata in chaincodeName:either collectionName: onlyOrg1/,
      );
    });

    it("is removed, and read by ranges", async () => {
      const prefix = fixture().key();
      const contract = fixture().contract(EITHER);
      for (const name of ["a", "b"])
        await contract.submit("putPrivate", {
          arguments: ["onlyOrg1", `${prefix}-${name}`],
          transientData: { value: name },
        });
      const rows = () =>
        json<Row[]>(contract.evaluateTransaction("rangePrivate", "onlyOrg1", `${prefix}-`, `${prefix}-~`));
      assert.deepEqual(
        (await rows()).map(({ value }) => value),
        ["a", "b"],
      );
      await contract.submitTransaction("removePrivate", "onlyOrg1", `${prefix}-a`);
      assert.deepEqual(
        (await rows()).map(({ value }) => value),
        ["b"],
      );
    });

    it("is written through those who hold it, also by others where the collection allows", async () => {
      const key = fixture().key();
      const theirs = fixture().contract(EITHER, "Org2");
      const write = (collection: string) =>
        theirs.submit("putPrivate", {
          arguments: [collection, key],
          transientData: { value: "from the other side" },
          endorsingOrganizations: ["Org1MSP"],
        });
      await write("heldByOrg1");
      assert.equal(await readBy("Org1", "getPrivate", "heldByOrg1", key), "from the other side");
      const error = await failureOf(write("onlyOrg1"), EndorseError);
      assert.match(
        error.details[0]!.message,
        /tx creator does not have write access permission on privatedata in chaincodeName:either collectionName: onlyOrg1/,
      );
    });

    it("is held by every member of its collection", async () => {
      const key = fixture().key();
      await fixture()
        .contract(EITHER)
        .submit("putPrivate", { arguments: ["shared", key], transientData: { value: "for both" } });
      assert.equal(await readBy("Org2", "getPrivate", "shared", key), "for both");
    });

    it("does not leave its collection on the way to an endorsement", async () => {
      const error = await failureOf(
        fixture()
          .contract(BOTH)
          .submit("putPrivate", { arguments: ["heldByOrg1", fixture().key()], transientData: { value: "a secret" } }),
        EndorseError,
      );
      assert.equal(error.code, 9);
      assert.equal(
        saying(error),
        "requires endorsement from organisation(s) that are not in the distribution policy of the private data collection(s): [heldByOrg1]; retry specifying trusted endorsing organizations to protect transient data",
      );
    });

    it("stays with the member whose gateway was asked", async () => {
      const error = await failureOf(
        fixture()
          .contract(BOTH)
          .submit("put", { arguments: [fixture().key(), "v"], transientData: { x: "y" } })
          .then(() =>
            fixture()
              .contract("nosuch")
              .evaluate("get", { arguments: ["k"], transientData: { x: "y" } }),
          ),
        GatewayError,
      );
      assert.equal(
        saying(error),
        `no endorsers found in the gateway's organization; retry specifying target organization(s) to protect transient data: no peers available to evaluate chaincode nosuch in channel ${CHANNEL}`,
      );
    });
  });
}
