import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AccessControl } from "@hansa/endorsement/chaincode";
import { Msp, MspManager, type SigningIdentity } from "@hansa/msp";
import { type Clock, HansaError, systemClock, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { decode, encode, protos, toNumber } from "@hansa/wire";
import { testOrg } from "../testing/consortium.js";
import type { SnapshotRequests } from "./requests.js";
import { snapshotHandlers } from "./service.js";

const org = testOrg("Org1MSP");
const admin = org.identity("Admin", "admin");
const user = org.identity("User1", "client");
const stranger = testOrg("Org2MSP").identity("Admin", "admin");
const localMsp = new MspManager([Msp.fromConfig(org.mspConfig)]);
const access = new AccessControl({ localMsp, mspId: "Org1MSP", config: () => undefined });

const requests = {
  pending: () => [4, 9],
  submit: async (number: number) => {
    if (number === 1) throw new HansaError("SNAPSHOT_REFUSED", "too old");
  },
  cancel: async () => {},
} as unknown as SnapshotRequests;

const service = (clock: Clock = systemClock) =>
  snapshotHandlers({ access, localMsp, requests: (id) => (id === "trade" ? requests : undefined), clock });

function signed(by: SigningIdentity, request: Partial<protos.SnapshotRequest.$Properties>): Uint8Array {
  const bytes = encode(protos.SnapshotRequest, {
    signatureHeader: { creator: by.serialized, nonce: Buffer.alloc(24) },
    channelId: "trade",
    ...request,
  });
  return encode(protos.SignedSnapshotRequest, { request: bytes, signature: by.sign(bytes) });
}

const call = (bytes: Uint8Array, method: "Generate" | "Cancel" | "QueryPendings" = "Generate", clock?: Clock) =>
  (service(clock)[method] as (bytes: Uint8Array) => Promise<Uint8Array>)(bytes);

const refusal = async (answer: Promise<Uint8Array>): Promise<string> => {
  const error = await answer.then(
    () => assert.fail("it was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RpcStatus);
  assert.equal(error.code, GrpcStatus.UNKNOWN);
  return error.message;
};

describe("the snapshot service", () => {
  it("serves administrators of the peer's organisation", async () => {
    assert.equal((await call(signed(admin, { blockNumber: 7 }))).length, 0);
    assert.equal((await call(signed(admin, { blockNumber: 7 }), "Cancel")).length, 0);
    const answer = decode(protos.QueryPendingSnapshotsResponse, await call(signed(admin, {}), "QueryPendings"), "");
    assert.deepEqual(answer.blockNumbers.map(toNumber), [4, 9]);
    assert.equal(await refusal(call(signed(admin, { blockNumber: 1 }))), "too old");
  });

  it("refuses in Fabric's words whoever else asks, and what nobody can answer", async () => {
    const policy = "during channelless check policy with policy [Admins]";
    assert.match(
      await refusal(call(signed(user, {}))),
      new RegExp(
        `^failed verifying that the signed data identity satisfies local MSP principal ${policy.replaceAll(/[[\]]/g, "\\$&")}`,
      ),
    );
    assert.equal(
      await refusal(call(signed(stranger, {}))),
      `failed deserializing signed data identity ${policy}: [expected MSP ID Org1MSP, received Org2MSP]`,
    );
    assert.equal(await refusal(call(signed(admin, { channelId: "" }))), "missing channel ID");
    assert.equal(await refusal(call(signed(admin, { channelId: "x" }))), "cannot find ledger for channel x");
    assert.equal(await refusal(call(signed(admin, { signatureHeader: null }))), "missing signature header");
    assert.equal(await refusal(call(new Uint8Array(0))), "missing signature header");
    const late: Clock = { ...systemClock, now: () => (Date.now() + 100 * 365 * 86_400_000) as UnixMs };
    assert.equal(await refusal(call(signed(admin, {}), "Generate", late)), "client identity expired");
  });

  it("refuses altered requests and bytes that are none", async () => {
    const bytes = signed(admin, { blockNumber: 7 });
    const { request, signature } = decode(protos.SignedSnapshotRequest, bytes, "");
    const altered = encode(protos.SignedSnapshotRequest, {
      request: Buffer.concat([request, encode(protos.SnapshotRequest, { blockNumber: 8 })]),
      signature,
    });
    assert.match(await refusal(call(altered)), /signature is invalid/);
    for (const junk of [Buffer.from([0xff]), Buffer.alloc(100, 0x0a), Buffer.from("junk")])
      await refusal(call(encode(protos.SignedSnapshotRequest, { request: junk, signature })));
    await refusal(call(Buffer.from([0xff, 0xff])));
  });
});
