/** The files of deploy/: what refers to something finds it, and programs take them. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { Layout, NetworkView, startNetwork } from "@hansa/network";
import { findNatsServer, newNatsUser } from "@hansa/orderer/nats";
import { parseAllDocuments } from "yaml";
import { natsServerIsMissing } from "../faults/nats.js";
import { temporaryFolder } from "../support/folder.js";
import { runProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const deploy = path.join(repositoryRoot, "deploy");
const read = (...parts: string[]) => readFileSync(path.join(deploy, ...parts), "utf8");
const program = findNatsServer(process.env.PATH ?? "") ?? "";

type Kubernetes = {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec: {
    serviceName: string;
    selector: { app: string };
    template: {
      spec: {
        containers: {
          volumeMounts: { name: string }[];
          lifecycle?: { preStop: { exec: { command: string[] } } };
        }[];
        volumes: { name: string; configMap?: { name: string } }[];
      };
    };
    volumeClaimTemplates: { metadata: { name: string } }[];
  };
};

/** Whether this server is old enough to refuse what newer ones are to be told. */
async function knownTo(text: string): Promise<string> {
  const { stdout } = await runProgram(program, ["--version"], repositoryRoot);
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) === 2 && Number(minor) < 10 ? text.replace(/^\s*sync_interval:.*$/gm, "") : text;
}

describe("the files for several machines", () => {
  for (const name of readdirSync(path.join(deploy, "kubernetes")).filter((file) => file.endsWith(".yaml"))) {
    it(`kubernetes/${name} mounts what it has, and has what it names`, () => {
      const objects = parseAllDocuments(read("kubernetes", name)).map((document) => {
        assert.deepEqual(document.errors, []);
        return document.toJS() as Kubernetes;
      });
      const named = (kind: string) => objects.filter((each) => each.kind === kind).map((each) => each.metadata.name);
      const [set] = objects.filter(({ kind }) => kind === "StatefulSet");
      assert.ok(set);
      assert.ok(named("Service").includes(set.spec.serviceName));
      const { containers, volumes } = set.spec.template.spec;
      const there = [...volumes, ...set.spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map((v) => v.name);
      for (const { volumeMounts } of containers)
        for (const mount of volumeMounts) assert.ok(there.includes(mount.name));
      // Made of files, by the command in the comment.
      const maps = [...named("ConfigMap"), "channels"];
      for (const { configMap } of volumes) if (configMap !== undefined) assert.ok(maps.includes(configMap.name));
      for (const { data } of objects)
        for (const [file, text] of Object.entries(data ?? {})) if (file.endsWith(".json")) JSON.parse(text);
    });
  }

  for (const name of readdirSync(path.join(deploy, "systemd"))) {
    it(`systemd/${name} is a unit that is started again for ever, and that systemd reads`, async () => {
      const unit = read("systemd", name);
      assert.match(unit, /^\[Unit\]\n(?:.+\n)*StartLimitIntervalSec=0\n/);
      assert.match(unit, /^Restart=always$/m);
      const analyze = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].find(existsSync);
      if (analyze === undefined) return;
      const { stdout, stderr } = await runProgram(
        analyze,
        ["verify", "--man=no", path.join(deploy, "systemd", name)],
        deploy,
      );
      const complaints = `${stdout}${stderr}`.split("\n").filter((line) => line.includes(name));
      // The programs need not be here.
      assert.deepEqual(
        complaints.filter((line) => !line.includes("is not executable")),
        [],
      );
    });
  }

  it("a NATS server that is stopped hands over first what it leads", () => {
    assert.match(read("systemd", "hansa-nats.service"), /^ExecStop=\/bin\/kill -USR2 \$MAINPID$/m);
    const objects = parseAllDocuments(read("kubernetes", "nats.yaml")).map((each) => each.toJS() as Kubernetes);
    const [nats] = objects.find(({ kind }) => kind === "StatefulSet")!.spec.template.spec.containers;
    assert.deepEqual(nats?.lifecycle?.preStop.exec.command, ["/bin/kill", "-USR2", "1"]);
  });

  it("the configurations of NATS servers are accepted by nats-server", natsServerIsMissing, async () => {
    const { folder, remove } = temporaryFolder();
    const [config] = parseAllDocuments(read("kubernetes", "nats.yaml")).map((each) => each.toJS() as Kubernetes);
    for (const text of [read("nats", "nats-server.conf"), config!.data!["nats-server.conf"]!]) {
      const { publicKey } = newNatsUser();
      const tls = /tls \{[^}]*\}/g;
      const usable = (await knownTo(text)).replace("REPLACE-BY-A-PUBLIC-USER-KEY", publicKey).replace(tls, "");
      const file = path.join(folder, "nats-server.conf");
      writeFileSync(file, usable.replaceAll("$POD_NAME", "nats-0"));
      const { exit, stdout, stderr } = await runProgram(program, ["-t", "-c", file], folder);
      assert.equal(exit, 0, stdout + stderr);
      assert.equal(text.match(tls)?.length, 2, "clients and servers show certificates");
      for (const [block] of text.matchAll(tls)) assert.match(block, /verify: true/);
    }
    remove();
  });

  it("orderers and peers start by nodes/*.json, each in a process of its own", natsServerIsMissing, async () => {
    const { folder, remove } = temporaryFolder();
    const contract = path.join(repositoryRoot, "test/contracts/bench");
    const file = {
      network: "apart",
      members: [{ name: "Alpha" }],
      channels: [{ name: "trade" }],
      contracts: [{ name: "bench", channel: "trade", path: contract }],
      ordering: { engine: "jetstream", orderers: 2, replicas: 1 },
    } as const;
    const made = await startNetwork(file, { mode: "inline", dataFolder: folder });
    await made.stop();
    const layout = new Layout(path.join(folder, "apart"));
    const view = await NetworkView.open(layout);
    const children: ChildProcess[] = [];
    const start = (command: string, args: readonly string[]) => {
      children.push(spawn(command, args, { stdio: "ignore", cwd: folder }));
    };
    try {
      const portOf = (id: string) => view.state.ports[id]!.port;
      const orderers = view.plan.nodes.filter(({ kind }) => kind === "orderer");
      start(program, ["-c", path.join(layout.node("nats1"), "nats-server.conf")]);
      for (const node of view.plan.nodes.filter(({ kind }) => kind === "orderer" || kind === "peer")) {
        const { id, host, organization } = node;
        const given = JSON.parse(read("nodes", `${node.kind}.json`)) as Record<string, unknown>;
        const identityFolder = layout.nodeIdentity(organization.kind, organization.domain, host);
        const tls = (name: string) => path.join(identityFolder, "tls", name);
        const here = {
          id,
          host,
          mspId: organization.mspId,
          identityFolder,
          organizationMspFolder: path.join(layout.organization(organization.kind, organization.domain), "msp"),
          dataFolder: layout.node(id),
          address: `127.0.0.1:${portOf(id)}`,
          adminAddress: `127.0.0.1:${view.state.ports[id]!.adminPort}`,
          genesisBlocks: [layout.genesisBlock("trade")],
          otherPeers: [],
          // Channels of this machine name orderers by address, and certificates by name.
          orderers: orderers.map((each) => ({ address: `127.0.0.1:${portOf(each.id)}`, host: each.host })),
          jetstream: {
            ...(given.jetstream as object | undefined),
            servers: [`tls://127.0.0.1:${portOf("nats1")}`],
            replicas: 1,
            tls: { ca: tls("ca.crt"), cert: tls("server.crt"), key: tls("server.key") },
            credentials: layout.natsUser(id),
          },
        };
        const config = Object.fromEntries(
          Object.entries(given).map(([key, value]) => [key, key in here ? here[key as keyof typeof here] : value]),
        );
        mkdirSync(path.join(folder, "nodes"), { recursive: true });
        const specification = path.join(folder, "nodes", `${id}.json`);
        writeFileSync(specification, JSON.stringify(config));
        const command = path.join(repositoryRoot, "packages/cli/bin/hansa.mjs");
        start(process.execPath, [command, "node-process", node.kind, specification]);
      }
      const gateway = view.member("Alpha").gateway();
      const bench = gateway.getNetwork("trade").getContract("bench");
      let attempts = 0;
      await until("a transaction to be committed", () =>
        bench.submitTransaction("create", `key-${attempts++}`, "value").catch(() => undefined),
      );
      children[1]!.kill("SIGKILL");
      await until("the other orderer to take one", () =>
        bench.submitTransaction("create", `key-${attempts++}`, "value").catch(() => undefined),
      );
    } finally {
      view.closeConnections();
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill("SIGKILL");
          await once(child, "exit");
        }),
      );
    }
    remove();
  });
});
