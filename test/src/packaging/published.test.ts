/** What a user installs: the packed command, in an empty folder, with npm. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { temporaryFolder } from "../support/folder.js";
import { type Outcome, runProgram } from "../support/hansa-command.js";
import { repositoryRoot } from "../support/paths.js";

const { folder, remove } = temporaryFolder();
const home = path.join(folder, "home");
const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];

const inHome = (program: string, ...args: string[]): Promise<Outcome> => runProgram(program, args, home);
const hansa = (...args: string[]) => inHome("npx", "--no-install", "hansa", ...args);

function expectDone({ exit, stdout, stderr }: Outcome): string {
  assert.equal(exit, 0, stderr + stdout);
  return stdout;
}

describe("the published command", () => {
  before(async () => {
    mkdirSync(home);
    writeFileSync(path.join(home, "package.json"), JSON.stringify({ name: "home", private: true, type: "module" }));
    const packed = await runProgram(
      "npm",
      ["pack", "--silent", "--pack-destination", folder],
      path.join(repositoryRoot, "packages/cli"),
    );
    const archive = expectDone(packed).trim().split("\n").at(-1)!;
    expectDone(await inHome("npm", "install", ...quiet, "--prefer-offline", path.join(folder, archive)));
  });
  after(async () => {
    await hansa("down", "--wipe");
    remove();
  });

  it("brings no workspace package and no sources of ours", () => {
    assert.equal(existsSync(path.join(home, "node_modules/@hansa")), false);
    const manifest = JSON.parse(readFileSync(path.join(home, "node_modules/hansa/package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    assert.ok(Object.values(manifest.dependencies).every((range) => !range.startsWith("workspace:")));
  });

  it("starts the example network and carries a transaction", async () => {
    const report = JSON.parse(expectDone(await hansa("up", "--json"))) as { network: string; members: unknown[] };
    assert.equal(report.network, "beer-supply-chain");
    assert.equal(report.members.length, 3);
    expectDone(await hansa("invoke", "shipment", "PlaceOrder", "B-1", "Pils", "40", "8", "--as", "Pub"));
    assert.match(expectDone(await hansa("query", "shipment", "ReadOrder", "B-1")), /"status":"placed"/);
    assert.match(expectDone(await hansa("status")), /peer0\.pub +Pub +running/);
    expectDone(await hansa("down", "--wipe"));
  });

  it("is a library too", async () => {
    const program = [
      'import { startNetwork } from "hansa";',
      'import { verifyReceipt } from "hansa/verify";',
      'if (verifyReceipt("{", []).field !== "the file") throw new Error("no receipt was taken for one");',
      'const network = await startNetwork({ network: "mine", mode: "inline", members: [{ name: "Solo" }], channels: [{ name: "trial" }] });',
      'const qscc = network.member("Solo").gateway().getNetwork("trial").getContract("qscc");',
      'await qscc.evaluateTransaction("GetChainInfo", "trial");',
      "await network.stop();",
      'console.log("done");',
    ];
    writeFileSync(path.join(home, "library.js"), program.join("\n"));
    assert.equal(expectDone(await inHome("node", "library.js")), "done\n");
  });

  it("has types that compile without the workspace", async () => {
    const program = [
      'import { type Network, startNetwork } from "hansa";',
      'import { type Verdict, verifyReceipt } from "hansa/verify";',
      'const verdict: Verdict = verifyReceipt("", []);',
      "void verdict;",
      'const network: Network = await startNetwork({ network: "a", members: [{ name: "Pub" }] }, { mode: "inline" });',
      'const gateway = network.member("Pub").gateway({ user: "User1" });',
      'const bytes: Promise<Uint8Array> = gateway.getNetwork("c").getContract("x").evaluateTransaction("F");',
      "void bytes;",
      "// @ts-expect-error a mode that does not exist",
      'void startNetwork({ network: "a", mode: "both", members: [] });',
    ];
    writeFileSync(path.join(home, "types.ts"), program.join("\n"));
    const tsc = path.join(repositoryRoot, "node_modules/typescript/bin/tsc");
    const types = path.join(repositoryRoot, "node_modules/@types");
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--target",
      "es2022",
      "--module",
      "nodenext",
      "--typeRoots",
      types,
      "--types",
      "node",
    ];
    expectDone(await inHome("node", tsc, ...flags, "types.ts"));
  });
});
