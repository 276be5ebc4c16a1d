import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { credentialsFile, loadAccounts, readAccounts } from "./accounts.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "hansa-accounts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("accounts of a control plane", () => {
  it("are drawn once, and written as the AWS tools read them, for their owner only", async () => {
    const accounts = await loadAccounts(folder);
    assert.deepEqual(
      accounts.map(({ accountId }) => accountId),
      ["000000000001", "000000000002", "000000000003"],
    );
    assert.equal(new Set(accounts.map(({ secretAccessKey }) => secretAccessKey)).size, 3);
    assert.deepEqual(await loadAccounts(folder), accounts);
    const file = credentialsFile(folder);
    assert.equal(statSync(file).mode & 0o077, 0);
    assert.equal(statSync(path.join(folder, "accounts.json")).mode & 0o077, 0);
    const { name, accessKeyId, secretAccessKey } = accounts[1]!;
    assert.ok(
      readFileSync(file, "utf8").includes(
        `[${name}]\n# account 000000000002\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
      ),
    );
  });

  it("come from a file of the user's own", async () => {
    const file = path.join(folder, "own.yaml");
    writeFileSync(
      file,
      "- accountId: '123456789012'\n  accessKeyId: AKIAEXAMPLEEXAMPLE12\n  secretAccessKey: abcdefghijklmnopqrstuvwxyz\n",
    );
    assert.deepEqual(await readAccounts(file), [
      {
        accountId: "123456789012",
        name: "123456789012",
        accessKeyId: "AKIAEXAMPLEEXAMPLE12",
        secretAccessKey: "abcdefghijklmnopqrstuvwxyz",
      },
    ]);
  });

  const valid = { accountId: "123456789012", accessKeyId: "AKIAEXAMPLEEXAMPLE12", secretAccessKey: "x".repeat(40) };
  for (const [what, content, fact] of [
    ["no list", "{}", /it is no list of accounts/],
    ["no YAML", "[", /cannot be used/],
    [
      "an account as a number",
      JSON.stringify([{ ...valid, accountId: 123456789012 }]),
      /\[0\]\.accountId is not 12 digits/,
    ],
    ["a missing secret", JSON.stringify([{ ...valid, secretAccessKey: undefined }]), /\[0\]\.secretAccessKey is not/],
    ["an unknown setting", JSON.stringify([{ ...valid, region: "x" }]), /\[0\] has the unknown setting "region"/],
    ["a key twice", JSON.stringify([valid, { ...valid, name: "other" }]), /accessKeyId .* stands in it twice/],
    ["a name with a line break", JSON.stringify([{ ...valid, name: "a\nb" }]), /\[0\]\.name is not a name/],
  ] as const) {
    it(`are refused with ${what}`, async () => {
      const file = path.join(folder, "wrong.json");
      writeFileSync(file, content);
      await assert.rejects(readAccounts(file), { code: "ACCOUNTS", message: fact });
    });
  }
});
