import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { readCredentials } from "./credentials.js";

describe("a credentials file", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "hansa-credentials-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "credentials");
  writeFileSync(
    file,
    [
      "[default]",
      "aws_access_key_id=AKIADEFAULT",
      "aws_secret_access_key = a/b+c==",
      "region = us-east-1",
      "",
      "[sso]",
      "sso_session = x",
      " [ farm ] ",
      "# account 000000000002",
      "# aws_access_key_id = OLD",
      "aws_access_key_id = AKIAFARM",
      "aws_secret_access_key = secret",
    ].join("\r\n"),
  );

  it("gives the profiles that have keys", async () => {
    const all = await readCredentials(file, undefined);
    assert.deepEqual(all, [
      {
        name: "default",
        accountId: "AKIADEFAULT",
        accessKeyId: "AKIADEFAULT",
        secretAccessKey: "a/b+c==",
      },
      { name: "farm", accountId: "000000000002", accessKeyId: "AKIAFARM", secretAccessKey: "secret" },
    ]);
    assert.deepEqual(await readCredentials(file, "farm"), all.slice(1));
  });

  it("says what is missing", async () => {
    await assert.rejects(readCredentials(file, "sso"), { code: "ACCOUNTS", message: /has no profile "sso" with keys/ });
    await assert.rejects(readCredentials(path.join(folder, "none"), undefined), {
      code: "ACCOUNTS",
      message: /none cannot be read: ENOENT/,
    });
  });
});
