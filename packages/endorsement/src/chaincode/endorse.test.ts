import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type Bytes, fromUtf8, toUtf8 } from "@hansa/primitives";
import { encode, lifecycle, protos } from "@hansa/wire";
import { ShimType } from "./shim-message.js";
import { newProposal, type ProposalFields } from "./testing/proposals.js";
import { type Contract, SmallNetwork } from "./testing/small-network.js";

const PACKAGE = "cargo_1.0:0123";
const definition = { name: "cargo", version: "1.0", sequence: 1 };

/** put KEY VALUE, get KEY, call CHAINCODE ARGS…, babble, hang, fail */
const contract: Contract = async ([method, ...args], ask) => {
  const [key = "", value = ""] = args;
  switch (method) {
    case "put":
      await ask(ShimType.PUT_STATE, encode(protos.PutState, { key, value: fromUtf8(value) }));
      return { status: 200, payload: fromUtf8("done") };
    case "get":
      return { status: 200, payload: await ask(ShimType.GET_STATE, encode(protos.GetState, { key })) };
    case "call": {
      const input = { args: args.slice(1).map(fromUtf8) };
      const spec = encode(protos.ChaincodeSpec, { chaincodeId: { name: key }, input });
      const called = protos.ChaincodeMessage.decode(await ask(ShimType.INVOKE_CHAINCODE, spec));
      return protos.Response.decode(called.payload);
    }
    case "babble":
      await ask(ShimType.COMPLETED, Buffer.from([255]));
      return { status: 200 };
    case "hang":
      return new Promise(() => {});
    default:
      return { status: 404, message: `no ${method}` };
  }
};

describe("two organisations", () => {
  let network: SmallNetwork;

  beforeEach(() => {
    network = new SmallNetwork();
  });

  const admin = () => network.brewery.organization.identity("admin");
  const lifecycleCall = (method: string, args: Bytes, peer = network.brewery): ProposalFields => ({
    client: peer.organization.identity("admin"),
    chaincode: "_lifecycle",
    args: [method, args],
    channelId: "trade",
  });
  const invocation = (args: string[], fields: Partial<ProposalFields> = {}): ProposalFields => ({
    client: network.brewery.organization.identity("client"),
    chaincode: "cargo",
    args,
    channelId: "trade",
    ...fields,
  });
  const messageOf = async (fields: ProposalFields, peer = network.brewery) =>
    (await peer.endorser.process(newProposal(fields))).response?.message;

  async function approve(change: object = {}, packageId = PACKAGE) {
    const source = { localPackage: { packageId } };
    const args = encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, { ...definition, source, ...change });
    for (const peer of [network.brewery, network.pub]) {
      await network.submit([peer], lifecycleCall("ApproveChaincodeDefinitionForMyOrg", args, peer));
    }
  }

  const commit = (change: object = {}) =>
    network.submit(
      [network.brewery, network.pub],
      lifecycleCall(
        "CommitChaincodeDefinition",
        encode(lifecycle.CommitChaincodeDefinitionArgs, { ...definition, ...change }),
      ),
    );

  async function install(packageId = PACKAGE) {
    for (const peer of [network.brewery, network.pub]) {
      const args = encode(lifecycle.InstallChaincodeArgs, { chaincodeInstallPackage: fromUtf8(packageId) });
      const fields = { ...lifecycleCall("InstallChaincode", args, peer), channelId: "" };
      const { response } = await peer.endorser.process(newProposal(fields));
      assert.equal(response?.status, 200);
    }
  }

  async function deploy() {
    await install();
    await approve();
    await commit();
    for (const peer of [network.brewery, network.pub]) peer.run(PACKAGE, contract);
  }

  it("install, approve, commit and invoke", async () => {
    await deploy();
    const done = await network.submit([network.brewery, network.pub], invocation(["put", "order-1", "12 casks"]));
    assert.equal(toUtf8(done.payload), "done");
    const { response } = await network.pub.endorser.process(newProposal(invocation(["get", "order-1"])));
    assert.equal(toUtf8(response!.payload!), "12 casks");
  });

  it("are told what is missing on the way", async () => {
    assert.match((await messageOf(invocation(["get", "x"]))) ?? "", /: chaincode cargo not found$/);
    await approve();
    await commit();
    assert.match(
      (await messageOf(invocation(["get", "x"]))) ?? "",
      /^make sure the chaincode cargo has been successfully defined on channel trade and try again: chaincode definition for 'cargo' exists, but chaincode is not installed$/,
    );
    await install();
    assert.match(
      (await messageOf(invocation(["get", "x"]))) ?? "",
      /^error in simulation: failed to execute transaction [0-9a-f]{64}: could not launch chaincode cargo_1\.0:0123: no process for cargo_1\.0:0123$/,
    );
    network.brewery.run(PACKAGE, contract);
    assert.equal(await messageOf(invocation(["get", "x"])), "");
  });

  it("cannot run what their organisation did not approve, until it does", async () => {
    await install();
    const source = { localPackage: { packageId: PACKAGE } };
    const args = encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, { ...definition, source });
    await network.submit([network.brewery], lifecycleCall("ApproveChaincodeDefinitionForMyOrg", args));
    await network.submit(
      [network.brewery],
      lifecycleCall("CommitChaincodeDefinition", encode(lifecycle.CommitChaincodeDefinitionArgs, definition)),
    );
    network.pub.run(PACKAGE, contract);
    assert.match(
      (await messageOf(invocation(["get", "x"]), network.pub)) ?? "",
      /chaincode definition for 'cargo' at sequence 1 on channel 'trade' has not yet been approved by this org$/,
    );
    await network.submit([network.pub], lifecycleCall("ApproveChaincodeDefinitionForMyOrg", args, network.pub));
    assert.equal(await messageOf(invocation(["get", "x"]), network.pub), "");
  });

  it("refuse an answer that is none", async () => {
    await deploy();
    assert.match(
      (await messageOf(invocation(["babble"]))) ?? "",
      /^error in simulation: failed to unmarshal response for transaction [0-9a-f]{64}: proto: cannot parse invalid wire-format data$/,
    );
  });

  it("sign through no plug-in but Fabric's own", async () => {
    await install();
    const plugged = { endorsementPlugin: "notary" };
    await approve(plugged);
    await commit(plugged);
    network.brewery.run(PACKAGE, contract);
    assert.equal(
      await messageOf(invocation(["get", "x"])),
      "endorsing with plugin failed: plugin with name notary could not be used: plugin with name notary wasn't found",
    );
  });

  it("follow an upgrade, and a change of the package without one", async () => {
    await deploy();
    assert.equal(await messageOf(invocation(["get", "x"])), "");
    const second = "cargo_2.0:4567";
    await install(second);
    await approve({ version: "2.0", sequence: 2 }, second);
    await commit({ version: "2.0", sequence: 2 });
    assert.match((await messageOf(invocation(["get", "x"]))) ?? "", /no process for cargo_2\.0:4567$/);
    await approve({ version: "2.0", sequence: 2 }, PACKAGE);
    assert.equal(await messageOf(invocation(["get", "x"])), "");
  });

  it("may attach a process to a committed name and version", async () => {
    await approve({}, "");
    await commit();
    assert.match((await messageOf(invocation(["get", "x"]))) ?? "", /but chaincode is not installed$/);
    network.brewery.run("cargo:1.0", contract);
    assert.equal(await messageOf(invocation(["get", "x"])), "");
  });

  it("initialise once where the definition asks for it", async () => {
    await install();
    await approve({ initRequired: true });
    await commit({ initRequired: true });
    for (const peer of [network.brewery, network.pub]) peer.run(PACKAGE, contract);
    assert.match(
      (await messageOf(invocation(["get", "x"]))) ?? "",
      /chaincode 'cargo' has not been initialized for this version, must call as init first$/,
    );
    await network.submit([network.brewery, network.pub], invocation(["put", "a", "b"], { isInit: true }));
    assert.equal(await messageOf(invocation(["get", "x"])), "");
    assert.match(
      (await messageOf(invocation(["put", "a", "b"], { isInit: true }))) ?? "",
      /chaincode 'cargo' is already initialized but called as init$/,
    );
  });

  it("call one chaincode from another, and system chaincodes", async () => {
    await deploy();
    const other = { name: "stock", version: "1.0", sequence: 1 };
    await install("stock_1.0:89ab");
    await approve(other, "stock_1.0:89ab");
    await commit(other);
    for (const peer of [network.brewery, network.pub]) peer.run("stock_1.0:89ab", contract);
    await network.submit([network.brewery, network.pub], invocation(["call", "stock", "put", "casks", "7"]));
    const { response } = await network.brewery.endorser.process(
      newProposal(invocation(["call", "stock:ignored/trade", "get", "casks"])),
    );
    assert.equal(toUtf8(response!.payload!), "7");
    assert.match(
      (await messageOf(invocation(["call", "stock/elsewhere", "get", "casks"]))) ?? "",
      /^INVOKE_CHAINCODE failed: transaction ID: [0-9a-f]{64}: Failed to get policy manager for channel \[elsewhere\]$/,
    );
    assert.match(
      (await messageOf(invocation(["call", "qscc", "GetChainInfo", "trade"]))) ?? "",
      /^Rejecting invoke of QSCC from another chaincode because of potential for deadlocks, original invocation for 'cargo'$/,
    );
  });

  it("wait for a chaincode no longer than its time-out", async () => {
    await deploy();
    const { brewery } = network;
    const signed = newProposal(invocation(["hang"]));
    const pending = brewery.endorser.process(signed);
    await new Promise((resolve) => setImmediate(resolve));
    brewery.now += 31_000;
    brewery.sweep();
    assert.match(
      (await pending).response?.message ?? "",
      /^error in simulation: failed to execute transaction [0-9a-f]{64}: error sending: timeout expired while executing transaction$/,
    );
  });

  it("pass on what a contract refuses, unsigned", async () => {
    await deploy();
    const response = await network.brewery.endorser.process(newProposal(invocation(["nonsense"])));
    assert.deepEqual(
      [response.response?.status, response.response?.message, response.endorsement, response.payload],
      [404, "no nonsense", undefined, undefined],
    );
  });

  it("do not endorse a transaction that is in the ledger", async () => {
    await deploy();
    const proposal = invocation(["put", "a", "b"], { nonce: fromUtf8("the same") });
    await network.submit([network.brewery, network.pub], proposal);
    await assert.rejects(
      network.brewery.endorser.process(newProposal(proposal)),
      /^ProposalRejected: duplicate transaction found \[[0-9a-f]{64}\]\. Creator \[[0-9a-f]+\]$/,
    );
  });

  it("answer their own administrators only", async () => {
    const args = encode(lifecycle.QueryInstalledChaincodesArgs, {});
    const fields = { ...lifecycleCall("QueryInstalledChaincodes", args), channelId: "" };
    assert.equal(await messageOf({ ...fields, client: admin() }), "");
    await assert.rejects(
      network.pub.endorser.process(newProposal(fields)),
      /^ProposalRejected: error validating proposal: access denied: channel \[\] creator org unknown, creator is malformed$/,
    );
    assert.match(
      (await messageOf({ ...fields, client: network.brewery.organization.identity("client") })) ?? "",
      /^Failed to authorize invocation due to failed ACL check: .*The identity is not an admin under this MSP \[BreweryMSP\]/,
    );
  });
});
