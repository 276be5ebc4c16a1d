import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMANDS } from "./commands.js";
import { main } from "./main.js";
import { readOptions } from "./options.js";
import { asShown, asTyped } from "./output.js";

async function hansa(...argv: string[]): Promise<{ exit: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const sink = (to: "out" | "err") => ({
    write(text: string) {
      written[to] += text;
      return true;
    },
  });
  const io = { stdout: sink("out"), stderr: sink("err"), env: {}, cwd: "/nowhere" };
  const exit = await main(argv, io as unknown as Parameters<typeof main>[1], new AbortController().signal);
  return { exit, ...written };
}

describe("hansa", () => {
  it("describes every command, with its options and an example that begins with its name", async () => {
    for (const { name, summary } of COMMANDS) {
      const { exit, out } = await hansa(...name.split(" "), "--help");
      assert.equal(exit, 0, name);
      assert.ok(out.startsWith(`${summary}\n\nhansa ${name}`), out);
      assert.match(out, /--json .*\n/);
      assert.match(out.split("Examples:\n")[1]!, new RegExp(`hansa ${name}\\b`), name);
      assert.doesNotMatch(out, / $/m, name);
    }
  });

  it("lists the commands that begin with what was typed", async () => {
    for (const argv of [
      ["contract", "--help"],
      ["help", "contract"],
    ]) {
      const { exit, out } = await hansa(...argv);
      assert.equal(exit, 0);
      assert.match(out, /hansa contract new .*\n.*hansa contract dev .*\n.*hansa contract deploy /);
      assert.doesNotMatch(out, /hansa up/);
    }
  });

  const unknown: [argv: string[], message: RegExp][] = [
    [["stauts"], /hansa has no command "stauts"\. Did you mean "status"\?\nSee: hansa help/],
    [["help", "stauts"], /hansa has no command "stauts"\. Did you mean "status"\?/],
    [["contract"], /hansa contract is no command\.\nUse: hansa contract new, /],
    [["contract", "delpoy", "x"], /hansa contract delpoy is no command\. Did you mean "contract deploy"\?/],
    [["peer", "node", "strat"], /hansa peer node strat is no command\. Did you mean "peer node start"\?/],
    [["status", "--josn"], /hansa status has no option --josn\. Did you mean "--json"\?/],
    [["logs", "--lines"], /hansa logs --lines takes a value, <count>\.\nSee: hansa logs --help/],
    [["down", "--wipe=yes"], /hansa down --wipe takes no value\./],
  ];
  for (const [argv, message] of unknown)
    it(`says what is wrong with hansa ${argv.join(" ")}`, async () => {
      const { exit, err, out } = await hansa(...argv);
      assert.deepEqual([exit, out], [2, ""]);
      assert.match(err, message);
    });

  it("tells the exit code that it ends with, where it stands in for a program of Fabric", async () => {
    const { exit, out } = await hansa("peer", "node", "reset", "--json");
    assert.deepEqual([exit, JSON.parse(out).error.exit], [1, 1]);
  });
});

describe("options", () => {
  const own = {
    count: { type: "string", short: "c", about: "" },
    inspect: { type: "string", about: "", alone: "9229" },
    output: { type: "string", value: "file", about: "", formerly: "out" },
  } as const;
  const read = (...argv: string[]) => readOptions(argv, own, "x");

  it("take negative numbers as arguments and as values", () => {
    assert.deepEqual(read("-5", "a", "--", "-b").positionals, ["-5", "a", "-b"]);
    assert.equal(read("--count", "-1").text("count"), "-1");
    assert.equal(read("-c", "-1.5").text("count"), "-1.5");
    assert.deepEqual(read("--json", "-1").positionals, ["-1"]);
  });

  it("may stand alone, or have a value", () => {
    assert.equal(read("--inspect").text("inspect"), "9229");
    assert.equal(read("--inspect=1").text("inspect"), "1");
  });

  it("still have the names that they had", () => {
    for (const words of [["--out", "a=b"], ["--out=a=b"], ["--output", "a=b"], ["--output=a=b"]])
      assert.equal(read(...words).text("output"), "a=b");
    assert.throws(() => read("--out"), /hansa x --output takes a value/);
    assert.deepEqual(read("--", "--out").positionals, ["--out"]);
  });
});

describe("words about commands", () => {
  it("say npx where hansa was called with it", () => {
    const words = 'Start it with: hansa up, or eval "$(hansa env A)"; see .hansa and /x/hansa up';
    assert.equal(
      asTyped(words, { npm_command: "exec" }),
      'Start it with: npx hansa up, or eval "$(npx hansa env A)"; see .hansa and /x/hansa up',
    );
    assert.equal(asTyped(words, {}), words);
  });
});

describe("what other programs wrote", () => {
  it("keeps its colours on a terminal only", () => {
    const written = "\u001b[31merror\u001b[39m at the door";
    assert.equal(asShown(written, { isTTY: true }, {}), written);
    assert.equal(asShown(written, { isTTY: true }, { NO_COLOR: "1" }), "error at the door");
    assert.equal(asShown(written, {}, {}), "error at the door");
  });
});
