import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { readOrdererFiles } from "./orderer-files.js";
import { ordererWarnings } from "./orderer-warnings.js";
import { readPeerFiles } from "./peer-files.js";
import { peerWarnings } from "./peer-warnings.js";
import { SettingsFile } from "./settings-file.js";

const FILE = "/etc/network/core.yaml";
const parse = (text: string, env: Record<string, string> = {}) => SettingsFile.parse(FILE, "core", text, env);

describe("settings of Fabric's files", () => {
  it("are found without regard to case, and the environment goes before the file unless it is empty", () => {
    const text = "peer:\n  ID: jdoe\n  tls: { enabled: false }\n";
    assert.equal(parse(text).text("peer.id"), "jdoe");
    assert.equal(parse(text, { CORE_PEER_ID: "other" }).text("Peer.Id"), "other");
    assert.equal(parse(text, { CORE_PEER_ID: "" }).text("peer.id"), "jdoe");
    assert.equal(parse(text, { CORE_PEER_TLS_ENABLED: "true" }).flag("peer.tls.enabled"), true);
    assert.equal(parse(text, { core_peer_id: "other" }).text("peer.id"), "jdoe");
    assert.equal(parse(text, { CORE_NEW_SECTION_KEY: "x" }).text("new.section.key"), "x");
  });

  it("are relative to the file's folder, not to where one is", () => {
    const settings = parse("a: { file: tls/ca.crt }\nb: [x.pem, /y.pem]\nc: ''", { CORE_D_FILE: "env.crt" });
    assert.equal(settings.path("a.file"), "/etc/network/tls/ca.crt");
    assert.deepEqual(settings.paths("b"), ["/etc/network/x.pem", "/y.pem"]);
    assert.equal(settings.path("c"), "");
    assert.equal(settings.path("d.file"), "/etc/network/env.crt");
  });

  it("may be durations, sizes, counts, lists and lists of settings", () => {
    const settings = parse("a: 2m30s\nb: 1 MB\nc: 512KB\nd: 2500\ne: 1.5s\nf: 1000000\nlist: [1, null, b]", {
      CORE_L: "[one, two]",
      CORE_M: "one two,three",
      CORE_BUILDERS: "[{name: x, path: /x}, {name: y, path: /y}]",
    });
    assert.equal(settings.durationMs("a", 0), 150_000);
    assert.equal(settings.durationMs("e", 0), 1_500);
    assert.equal(settings.durationMs("f", 0), 1);
    assert.equal(settings.durationMs("none", 7), 7);
    assert.equal(settings.bytes("b", 0), 1_048_576);
    assert.equal(settings.bytes("c", 0), 524_288);
    assert.equal(settings.whole("d", 0), 2_500);
    assert.deepEqual(settings.list("list"), ["1", "b"]);
    assert.deepEqual(settings.list("l"), ["one", "two"]);
    assert.deepEqual(settings.list("m"), ["one", "two", "three"]);
    assert.deepEqual(settings.maps("builders"), [
      { name: "x", path: "/x" },
      { name: "y", path: "/y" },
    ]);
  });

  it("that do not do are named with file, key, value and what would do", () => {
    const settings = parse("peer: { listenAddress: here, tls: { enabled: perhaps } }\nt: soon\nn: -1\nl: { a: 1 }", {
      CORE_PEER_ADDRESS: "host:70000",
    });
    const message = (read: () => unknown) => {
      try {
        read();
      } catch (error) {
        const { message: fact, nextStep, code } = error as { message: string; nextStep: string; code: string };
        assert.equal(code, "NODE_FILES");
        return `${fact} | ${nextStep}`;
      }
      return assert.fail("nothing was thrown");
    };
    assert.equal(
      message(() => settings.address("peer.listenAddress")),
      `${FILE}: peer.listenAddress is "here"; it must be "host:port" | Correct peer.listenAddress in ${FILE}, or set CORE_PEER_LISTENADDRESS.`,
    );
    assert.match(
      message(() => settings.address("peer.address")),
      /^CORE_PEER_ADDRESS \(peer\.address\) is "host:70000"/,
    );
    assert.match(
      message(() => settings.flag("peer.tls.enabled")),
      /"perhaps"; it must be true or false/,
    );
    assert.match(
      message(() => settings.durationMs("t", 0)),
      /duration/,
    );
    assert.match(
      message(() => settings.whole("n", 0)),
      /-1; it must be a whole number/,
    );
    assert.match(
      message(() => settings.list("l")),
      /it must be a list/,
    );
    assert.match(
      message(() => settings.maps("t")),
      /it must be a list/,
    );
    for (const value of ["*nothing", "[{ a: *b }]", "- a: ["])
      assert.match(
        message(() => parse("", { CORE_L: value }).maps("l")),
        /^CORE_L \(l\) is ".*"; it must be a list of settings, as YAML in one line/,
      );
    assert.match(
      message(() => settings.readFile("peer.listenAddress")),
      /names \/etc\/network\/here: ENOENT/,
    );
    assert.match(
      message(() => parse("a: [")),
      /core\.yaml is no YAML/,
    );
  });

  it("never fail but by an error of their own, whatever is written there", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, value) => {
        try {
          const settings = parse(text, { CORE_A: value });
          for (const read of ["flag", "list", "maps", "text", "address", "paths"] as const)
            try {
              settings[read]("a");
            } catch (error) {
              assert.equal((error as { code?: string }).code, "NODE_FILES");
            }
        } catch (error) {
          assert.equal((error as { code?: string }).code, "NODE_FILES");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("core.yaml and orderer.yaml", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-fabric-files-"));
  after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => {
    const place = path.join(folder, name);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text);
  };
  const core = "peer: { id: p, localMspId: OneMSP, mspConfigPath: msp, fileSystemPath: data }";

  it("are looked for in FABRIC_CFG_PATH and nowhere else, or where one is", () => {
    write("here/core.yaml", core);
    write("there/core.yaml", core.replace("OneMSP", "TwoMSP"));
    const [here, there] = [path.join(folder, "here"), path.join(folder, "there")];
    assert.equal(readPeerFiles({}, here).mspId, "OneMSP");
    assert.equal(readPeerFiles({ FABRIC_CFG_PATH: there }, here).mspId, "TwoMSP");
    assert.throws(() => readPeerFiles({ FABRIC_CFG_PATH: folder }, here), /There is no core\.yaml in .*/);
    assert.throws(() => readPeerFiles({ FABRIC_CFG_PATH: "/nowhere" }, here), /\/nowhere does not exist/);
  });

  it("say where a peer keeps what it has", () => {
    write("data/core.yaml", core);
    const cwd = path.join(folder, "data");
    const files = readPeerFiles({}, cwd);
    assert.equal(files.dataFolder, path.join(cwd, "data/hansa"));
    assert.equal(files.snapshotFolder, path.join(cwd, "data/snapshots"));
    assert.equal(readPeerFiles({ CORE_LEDGER_SNAPSHOTS_ROOTDIR: "/s" }, cwd).snapshotFolder, "/s");
    assert.throws(() => readPeerFiles({ CORE_LEDGER_SNAPSHOTS_ROOTDIR: "s" }, cwd), /an absolute path/);
    write("no-data/core.yaml", core.replace(", fileSystemPath: data", ""));
    assert.throws(() => readPeerFiles({}, path.join(folder, "no-data")), /peer\.fileSystemPath is not set/);
  });

  it("say where an orderer listens, by Fabric's defaults", () => {
    write("orderer/orderer.yaml", "General: { LocalMSPID: OrdererMSP }");
    const cwd = path.join(folder, "orderer");
    assert.equal(readOrdererFiles({}, cwd).listenAddress, "127.0.0.1:7050");
    assert.equal(readOrdererFiles({ ORDERER_GENERAL_LISTENPORT: "6050" }, cwd).listenAddress, "127.0.0.1:6050");
    assert.throws(() => readOrdererFiles({ ORDERER_GENERAL_LISTENPORT: "70000" }, cwd), /it must be a port/);
    assert.equal(
      readOrdererFiles({ ORDERER_FILELEDGER_LOCATION: "blocks" }, cwd).dataFolder,
      path.join(cwd, "blocks/hansa"),
    );
  });

  it("are warned about where they ask for what is not there, once per setting", () => {
    const asked = parse(
      `ledger: { state: { stateDatabase: CouchDB }, history: { enableHistoryDatabase: false } }
vm: { endpoint: "unix:///var/run/docker.sock" }
peer: { BCCSP: { Default: PKCS11 }, gossip: { state: { enabled: true }, orgLeader: false } }
metrics: { provider: statsd }`,
    );
    assert.deepEqual(
      peerWarnings(asked).map((line) => line.split(" ")[0]),
      [
        "ledger.state.stateDatabase",
        "ledger.history.enableHistoryDatabase",
        "vm.endpoint",
        "peer.BCCSP.Default",
        "peer.gossip.state.enabled",
        "peer.gossip.orgLeader",
        "metrics.provider",
      ],
    );
    assert.match(peerWarnings(asked)[0]!, /is "CouchDB" in .*: no CouchDB is used: rich queries .* part of the peer/);
    const usual =
      "ledger: { state: { stateDatabase: goleveldb } }\nvm: { endpoint: }\npeer: { BCCSP: { Default: SW } }";
    assert.deepEqual(peerWarnings(parse(usual)), []);
    const orderer = SettingsFile.parse("/orderer.yaml", "orderer", "General: { BootstrapFile: genesis.block }", {
      ORDERER_KAFKA_BROKERS: "[a:9092]",
    });
    assert.deepEqual(
      ordererWarnings(orderer).map((line) => line.split(" ")[0]),
      ["General.BootstrapFile", "Kafka.Brokers"],
    );
  });

  it("are refused when Go plug-ins decide over transactions", () => {
    const plugins = [
      "peer: { handlers: { validators: { vscc: { name: Own, library: /opt/v.so } } } }",
      "peer: { handlers: { authFilters: [{ name: Own, library: /opt/a.so }] } }",
    ];
    for (const text of plugins) assert.throws(() => peerWarnings(parse(text)), /names a plug-in, which only Fabric's/);
    const usual = "peer: { handlers: { endorsers: { escc: { name: DefaultEndorsement, library: } } } }";
    assert.deepEqual(peerWarnings(parse(usual)), []);
  });
});
