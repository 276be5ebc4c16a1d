import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type Bytes, fromUtf8, toUtf8 } from "@hansa/primitives";
import { common, encode, lifecycle, protos } from "@hansa/wire";
import { newProposal, type ProposalFields } from "./testing/proposals.js";
import { identity, skipVectors, vectorFile } from "./testing/vector-channel.js";
import { vectorPeer } from "./testing/vector-peer.js";

describe("system chaincodes", { skip: skipVectors }, () => {
  let peer: ReturnType<typeof vectorPeer>;
  let client: ReturnType<typeof identity>;

  before(async () => {
    peer = vectorPeer("Org1MSP");
    client = identity("Org1MSP", "User1");
    while (peer.channel.height < 146) await peer.channel.commitNext();
  });

  const propose = (fields: Partial<ProposalFields>) =>
    newProposal({ client, chaincode: "vectors", args: ["put", "k", "v"], ...fields });
  const process = (fields: Partial<ProposalFields>) => peer.endorser.process(propose(fields));

  describe("_lifecycle", () => {
    const admin = () => identity("Org1MSP", "Admin");
    const ask = (method: string, args: Bytes, fields: Partial<ProposalFields> = {}) =>
      process({ client: admin(), chaincode: "_lifecycle", args: [method, args], ...fields });

    it("lists committed definitions as a real peer does", async () => {
      const { response } = await ask("QueryChaincodeDefinitions", encode(lifecycle.QueryChaincodeDefinitionsArgs, {}));
      const sorted = (bytes: Bytes) =>
        lifecycle.QueryChaincodeDefinitionsResult.decode(bytes)
          .chaincodeDefinitions.map(
            (each) =>
              [
                each.name!,
                Buffer.from(encode(lifecycle.QueryChaincodeDefinitionsResult.ChaincodeDefinition, each)).toString(
                  "hex",
                ),
              ] as const,
          )
          .sort(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(
        sorted(response!.payload!),
        sorted(vectorFile("messages", "lifecycle-query-definitions-result.pb")),
      );
    });

    it("refuses arguments that are none, also where it looks at none", async () => {
      const methods = ["QueryInstalledChaincodes", "QueryChaincodeDefinitions", "QueryApprovedChaincodeDefinitions"];
      for (const method of methods)
        assert.equal(
          (await ask(method, Uint8Array.of(1))).response?.message,
          `failed to invoke backing implementation of '${method}': could not decode input arg for *lifecycle.Invocation.${method}: proto: cannot parse invalid wire-format data`,
        );
    });

    it("tells who approved a definition, and what this organisation approved", async () => {
      const one = await ask(
        "QueryChaincodeDefinition",
        encode(lifecycle.QueryChaincodeDefinitionArgs, { name: "vectors" }),
      );
      const definition = lifecycle.QueryChaincodeDefinitionResult.decode(one.response!.payload!);
      assert.deepEqual({ ...definition.approvals }, { Org1MSP: true, Org2MSP: true });
      const missing = await ask(
        "QueryChaincodeDefinition",
        encode(lifecycle.QueryChaincodeDefinitionArgs, { name: "no" }),
      );
      assert.deepEqual([missing.response?.status, missing.response?.message], [404, "namespace no is not defined"]);

      const approved = await ask(
        "QueryApprovedChaincodeDefinition",
        encode(lifecycle.QueryApprovedChaincodeDefinitionArgs, { name: "vectors", sequence: 1 }),
      );
      const { source, version } = lifecycle.QueryApprovedChaincodeDefinitionResult.decode(approved.response!.payload!);
      assert.equal(version, "1.0");
      assert.match(source?.localPackage?.packageId ?? "", /^vectors_1\.0:[0-9a-f]{64}$/);
      const none = await ask(
        "QueryApprovedChaincodeDefinition",
        encode(lifecycle.QueryApprovedChaincodeDefinitionArgs, { name: "no" }),
      );
      assert.equal(
        none.response?.message,
        "failed to invoke backing implementation of 'QueryApprovedChaincodeDefinition': could not fetch approved chaincode definition (name: 'no', sequence: '0') on channel 'mychannel'",
      );
      const all = await ask("QueryApprovedChaincodeDefinitions", new Uint8Array());
      const names = lifecycle.QueryApprovedChaincodeDefinitionsResult.decode(
        all.response!.payload!,
      ).approvedChaincodeDefinitions.map((each) => `${each.name}#${each.sequence}`);
      assert(names.includes("vecinit#1") && names.includes("vectors#4"), names.join());
    });

    it("checks readiness and says what differs", async () => {
      const base = { name: "brand-new", version: "1.0", sequence: 1 };
      const { response } = await ask("CheckCommitReadiness", encode(lifecycle.CheckCommitReadinessArgs, base));
      const result = lifecycle.CheckCommitReadinessResult.decode(response!.payload!);
      assert.deepEqual({ ...result.approvals }, { Org1MSP: false, Org2MSP: false });
      assert.deepEqual(result.mismatches?.Org1MSP?.items, ["ChaincodeParameters"]);
      const wrong = await ask(
        "CheckCommitReadiness",
        encode(lifecycle.CheckCommitReadinessArgs, { ...base, sequence: 3 }),
      );
      assert.equal(
        wrong.response?.message,
        "failed to invoke backing implementation of 'CheckCommitReadiness': requested sequence is 3, but new definition must be sequence 1",
      );
    });

    it("refuses with Fabric's texts", async () => {
      const approve = (fields: lifecycle.ApproveChaincodeDefinitionForMyOrgArgs.$Properties) =>
        ask(
          "ApproveChaincodeDefinitionForMyOrg",
          encode(lifecycle.ApproveChaincodeDefinitionForMyOrgArgs, {
            name: "vectors",
            version: "9",
            sequence: 5,
            ...fields,
          }),
        );
      const prefix = "failed to invoke backing implementation of 'ApproveChaincodeDefinitionForMyOrg': ";
      const cases: [lifecycle.ApproveChaincodeDefinitionForMyOrgArgs.$Properties, string][] = [
        [
          {},
          "error validating chaincode definition: the proposed collection config does not contain previously defined collections",
        ],
        [{ name: "vecor", sequence: 9 }, "requested sequence 9 is larger than the next available sequence number 2"],
        [{ name: "vecor", sequence: 0 }, "currently defined sequence 1 is larger than requested sequence 0"],
        [{ name: "newcc", sequence: 0 }, "requested sequence is 0, but first definable sequence number is 1"],
        [
          { name: "qscc" },
          "error validating chaincode definition: chaincode name 'qscc' is the name of a system chaincode",
        ],
        [
          { name: "a/b" },
          "error validating chaincode definition: invalid chaincode name 'a/b'. Names can only consist of alphanumerics, '_', and '-' and can only begin with alphanumerics",
        ],
        [
          { name: "vecor", version: "" },
          "error validating chaincode definition: invalid chaincode version ''. Versions can only consist of alphanumerics, '_', '-', '+', and '.'",
        ],
        [
          { name: "vecor", version: "9", sequence: 1 },
          "attempted to redefine the current committed sequence (1) for namespace vecor with different parameters: expected Version '1.0' does not match passed Version '9'",
        ],
      ];
      for (const [fields, text] of cases) assert.equal((await approve(fields)).response?.message, prefix + text);

      const commit = encode(lifecycle.CommitChaincodeDefinitionArgs, { name: "vecor", version: "2", sequence: 2 });
      assert.equal(
        (await ask("CommitChaincodeDefinition", commit)).response?.message,
        "failed to invoke backing implementation of 'CommitChaincodeDefinition': chaincode definition not agreed to by this org (Org1MSP)",
      );
      const user = await ask("ApproveChaincodeDefinitionForMyOrg", commit, { client });
      assert.match(
        user.response?.message ?? "",
        /^Failed to authorize invocation due to failed ACL check: Failed verifying that proposal's creator satisfies local MSP principal during channelless check policy with policy \[Admins\]: \[The identity is not an admin under this MSP \[Org1MSP\]/,
      );
      assert.equal(
        (await ask("Nonsense", commit)).response?.message,
        "Failed to authorize invocation due to failed ACL check: Unmapped policy for _lifecycle/Nonsense",
      );
    });

    it("installs packages and lists them with the chaincodes that use them, outside channels", async () => {
      const outside = { channelId: "" };
      const install = encode(lifecycle.InstallChaincodeArgs, { chaincodeInstallPackage: fromUtf8("tgz") });
      const installed = await ask("InstallChaincode", install, outside);
      assert.equal(lifecycle.InstallChaincodeResult.decode(installed.response!.payload!).packageId, "new:3");
      assert.equal(installed.endorsement, undefined);
      assert.equal(
        (await ask("InstallChaincode", install, outside)).response?.message,
        "failed to invoke backing implementation of 'InstallChaincode': chaincode already successfully installed (package ID 'new:3')",
      );
      const bad = await ask("InstallChaincode", encode(lifecycle.InstallChaincodeArgs, {}), outside);
      assert.match(
        bad.response?.message ?? "",
        /^failed to invoke backing implementation of 'InstallChaincode': could not parse/,
      );

      const list = await ask("QueryInstalledChaincodes", new Uint8Array(), outside);
      const all = lifecycle.QueryInstalledChaincodesResult.decode(list.response!.payload!).installedChaincodes;
      const used = all.find(({ label }) => label === "vectors_2.0");
      assert.deepEqual(used?.references?.mychannel?.chaincodes?.map(({ name }) => name).sort(), ["vecor", "vectors"]);
      const one = await ask(
        "QueryInstalledChaincode",
        encode(lifecycle.QueryInstalledChaincodeArgs, { packageId: "no:1" }),
        outside,
      );
      assert.match(one.response?.message ?? "", /could not find chaincode with package id 'no:1'/);
      const gone = await ask(
        "GetInstalledChaincodePackage",
        encode(lifecycle.GetInstalledChaincodePackageArgs, { packageId: "no:1" }),
        outside,
      );
      assert.equal(
        gone.response?.message,
        "failed to invoke backing implementation of 'GetInstalledChaincodePackage': could not load cc install package: chaincode install package 'no:1' not found",
      );
    });
  });

  describe("qscc and cscc", () => {
    it("answer queries about blocks", async () => {
      const ask = async (...args: string[]) => (await process({ chaincode: "qscc", args })).response!;
      const block = await ask("GetBlockByNumber", "mychannel", "7");
      assert.deepEqual(Buffer.from(block.payload!), vectorFile("7.block"));
      const newest = await ask("GetBlockByNumber", "mychannel", "18446744073709551615");
      assert.deepEqual(Buffer.from(newest.payload!), vectorFile("145.block"));
      assert.equal(
        (await ask("GetBlockByNumber", "mychannel", "999")).message,
        "Failed to get block number 999, error no such block number [999] in index",
      );
      assert.equal(
        (await ask("GetBlockByNumber", "mychannel", "x")).message,
        'Failed to parse block number with error strconv.ParseUint: parsing "x": invalid syntax',
      );
      assert.equal((await ask("GetChainInfo", "nowhere")).message, "Invalid chain ID, nowhere");
      assert.equal((await ask("GetChainInfo")).message, "Incorrect number of arguments, 1");
      assert.equal((await ask("GetBlockByHash", "mychannel")).message, "missing 3rd argument for GetBlockByHash");
      assert.match(
        (await ask("Nonsense", "mychannel", "x")).message ?? "",
        /^access denied for \[Nonsense\]\[mychannel\]: \[Unmapped policy for qscc\/Nonsense\]$/,
      );
      const txId = "no";
      assert.equal(
        (await ask("GetTransactionByID", "mychannel", txId)).message,
        "Failed to get transaction with id no, error no such transaction ID [no] in index",
      );
    });

    it("answer queries about channels, and join", async () => {
      const admin = identity("Org1MSP", "Admin");
      const ask = async (args: (string | Bytes)[], who = admin) =>
        (await process({ chaincode: "cscc", channelId: "", client: who, args })).response!;
      const channels = protos.ChannelQueryResponse.decode((await ask(["GetChannels"])).payload!);
      assert.deepEqual(
        channels.channels.map(({ channelId }) => channelId),
        ["mychannel"],
      );
      const config = common.Block.decode((await ask(["GetConfigBlock", "mychannel"])).payload!);
      assert(Number(config.header!.number) > 0);
      assert.deepEqual(
        common.Config.decode((await ask(["GetChannelConfig", "mychannel"])).payload!).sequence,
        peer.channel.config.config.sequence,
      );
      assert.equal((await ask(["JoinChain", vectorFile("0.block")])).status, 200);
      assert.deepEqual(peer.joined, ["mychannel"]);
      assert.match(
        (await ask(["JoinChain", vectorFile("0.block")], client)).message ?? "",
        /^access denied for \[JoinChain\]\[mychannel\]: \[Failed verifying/,
      );
      assert.match(
        (await ask(["JoinChain", fromUtf8("junk")])).message ?? "",
        /^Failed to reconstruct the genesis block, error unmarshalling Block: proto: cannot parse invalid wire-format data$/,
      );
      assert.match(
        (await ask(["JoinChain", new Uint8Array(0)])).message ?? "",
        /channel id from the block due to \[failed to retrieve channel id - block is empty\]$/,
      );
      assert.equal((await ask(["Nonsense", "x"])).message, "Requested function Nonsense not found.");
      assert.equal(toUtf8((await ask(["GetChannels"])).payload!).includes("mychannel"), true);
      const channelless = "during channelless check policy with policy [/Channel/Application/Readers]";
      assert.equal(
        (await ask(["GetConfigBlock", ""])).message,
        `access denied for [GetConfigBlock][]: Failed getting local MSP principal ${channelless}: [MSP Principal role [/Channel/Application/Readers] not recognized]`,
      );
    });
  });

  // Asked of a Fabric 2.5.0 peer in a channel with the capability V2_0.
  describe("lscc", () => {
    const admin = identity("Org1MSP", "Admin");
    const ask = async (args: string[], { channelId = "mychannel", who = admin } = {}) =>
      process({ chaincode: "lscc", channelId, client: who, args });

    it("knows of nothing", async () => {
      for (const method of ["getchaincodes", "GetChaincodes", "getinstalledchaincodes", "GetInstalledChaincodes"]) {
        const { response } = await ask([method]);
        assert.deepEqual([response?.status, response?.payload?.length], [200, 0], method);
      }
      const installed = await ask(["getinstalledchaincodes"], { channelId: "" });
      assert.deepEqual([installed.response?.status, installed.response?.payload?.length], [200, 0]);
    });

    it("refuses in Fabric's words", async () => {
      const readers = "during channelless check policy with policy [/Channel/Application/Readers]";
      const unknown = `Failed getting local MSP principal ${readers}: [MSP Principal role [/Channel/Application/Readers] not recognized]`;
      const notAdmin =
        "Failed verifying that proposal's creator satisfies local MSP principal during channelless check policy with policy [Admins]: ";
      const readOnly = "Channel 'mychannel' has been migrated to the new lifecycle, LSCC is now read-only";
      const cases: [string[], { channelId?: string; who?: typeof admin }, string | RegExp][] = [
        [[], {}, "invalid number of arguments to lscc: 0"],
        [["nonsense"], {}, "invalid function to lscc: nonsense"],
        [["constructor"], {}, "invalid function to lscc: constructor"],
        [["getid", "mychannel"], {}, "invalid number of arguments to lscc: 2"],
        [["getchaincodes", "mychannel"], {}, "invalid number of arguments to lscc: 2"],
        [["install"], {}, "invalid number of arguments to lscc: 1"],
        [["deploy", "mychannel"], {}, "invalid number of arguments to lscc: 2"],
        [["deploy", "mychannel", "x"], {}, readOnly],
        [["upgrade", "mychannel", "x", "y"], {}, readOnly],
        [["getid", "mychannel", "vectors"], {}, "could not find chaincode with name 'vectors'"],
        [["GetChaincodeData", "mychannel", "no"], {}, "could not find chaincode with name 'no'"],
        [
          ["getdepspec", "nowhere", "vectors"],
          {},
          "access denied for [getdepspec][nowhere]: Failed to get policy manager for channel [nowhere]",
        ],
        [
          ["getccdata", "mychannel", "vectors"],
          { channelId: "" },
          /^transaction not found: GET_STATE failed: transaction ID: [0-9a-f]{64}: no ledger context$/,
        ],
        [["getcollectionsconfig", "vectors"], {}, "collections config not defined for chaincode vectors"],
        [["GetCollectionsConfig", "x"], { channelId: "" }, `access denied for [GetCollectionsConfig]: ${unknown}`],
        [["getchaincodes"], { channelId: "" }, `access denied for [getchaincodes][]: ${unknown}`],
        [["install", "x"], {}, "could not unmarshal chaincode package to CDS or SignedCDS"],
        [["install", "\n\u0000"], {}, /^chaincodes of the lifecycle before 2\.0 cannot be installed here/],
        [
          ["install", "x"],
          { who: client },
          new RegExp(`^access denied for \\[install\\]: ${notAdmin.replace(/[[\]]/g, "\\$&")}`),
        ],
        [
          ["getinstalledchaincodes"],
          { who: client },
          /^access denied for \[getinstalledchaincodes\]: Failed verifying/,
        ],
      ];
      for (const [args, how, message] of cases) {
        const { response } = await ask(args, how);
        assert.equal(response?.status, 500, args.join());
        if (message instanceof RegExp) assert.match(response?.message ?? "", message);
        else assert.equal(response?.message, message, args.join());
      }
    });
  });
});
