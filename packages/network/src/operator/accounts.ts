/**
 * The accounts that may use the control plane. They stand in `control-plane/accounts.json` of the data home; whoever
 * names no file gets three accounts with drawn keys the first time. `control-plane/credentials` repeats them as the AWS
 * tools read credentials, one profile an account.
 */
import { randomBytes, randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Account } from "@hansa/control-plane";
import { HansaError, messageOf } from "@hansa/primitives";
import { parse } from "yaml";
import { writeFileDurably } from "../plan/state-file.js";

/** `name` is that of its profile in the credentials file. */
export type NamedAccount = Account & { readonly name: string };

const DEFAULT_COUNT = 3;
const ACCESS_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The file that the AWS tools are pointed at with AWS_SHARED_CREDENTIALS_FILE. */
export function credentialsFile(controlPlaneFolder: string): string {
  return path.join(controlPlaneFolder, "credentials");
}

/** What members of network files get that name no account: the same ids, in the order of the file. */
export function defaultAccountId(index: number): string {
  return String(index + 1).padStart(12, "0");
}

/**
 * The accounts that are given, or else those of the data home, which are drawn the first time. Writes the credentials
 * file.
 * @throws HansaError ACCOUNTS
 */
export async function loadAccounts(
  controlPlaneFolder: string,
  given?: readonly Account[],
): Promise<readonly NamedAccount[]> {
  const accounts = given?.map(named) ?? (await ownAccounts(controlPlaneFolder));
  await writeFileDurably(credentialsFile(controlPlaneFolder), credentialsText(accounts), 0o600);
  return accounts;
}

async function ownAccounts(folder: string): Promise<readonly NamedAccount[]> {
  const file = path.join(folder, "accounts.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text !== undefined) return checkAccounts(text, file);
  const accounts = Array.from({ length: DEFAULT_COUNT }, (_, index) => drawAccount(index));
  await writeFileDurably(file, `${JSON.stringify(accounts, undefined, 2)}\n`, 0o600);
  return accounts;
}

function drawAccount(index: number): NamedAccount {
  const letters = Array.from({ length: 16 }, () => ACCESS_KEY_LETTERS[randomInt(ACCESS_KEY_LETTERS.length)]);
  return {
    accountId: defaultAccountId(index),
    name: `account${index + 1}`,
    accessKeyId: `AKIA${letters.join("")}`,
    secretAccessKey: randomBytes(30).toString("base64"),
  };
}

/** The accounts of a file: a list, as YAML or JSON. @throws HansaError ACCOUNTS */
export async function readAccounts(file: string): Promise<readonly NamedAccount[]> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new HansaError("ACCOUNTS", `The accounts file ${file} cannot be read: ${cause.message}.`, { cause });
  });
  return checkAccounts(text, file);
}

const FIELDS = {
  accountId: { pattern: /^\d{12}$/, like: "12 digits, in quotes" },
  accessKeyId: { pattern: /^\w{16,128}$/, like: "16 to 128 letters and digits" },
  secretAccessKey: { pattern: /^\S{16,128}$/, like: "16 to 128 characters without spaces" },
} as const;

function checkAccounts(text: string, file: string): readonly NamedAccount[] {
  const wrong = (fact: string, cause?: unknown) =>
    new HansaError("ACCOUNTS", `The accounts file ${file} cannot be used: ${fact}.`, {
      cause,
      nextStep: "Give a list of accounts, each with accountId, accessKeyId, secretAccessKey and, if you like, name.",
    });
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    throw wrong(messageOf(cause), cause);
  }
  if (!Array.isArray(value) || value.length === 0) throw wrong("it is no list of accounts");
  const accounts = value.map((item: unknown, index): NamedAccount => {
    const given = (typeof item === "object" && item !== null ? item : {}) as Record<string, unknown>;
    for (const [name, { pattern, like }] of Object.entries(FIELDS)) {
      const found = given[name];
      if (typeof found !== "string" || !pattern.test(found)) throw wrong(`[${index}].${name} is not ${like}`);
    }
    const unknown = Object.keys(given).find((key) => key !== "name" && !(key in FIELDS));
    if (unknown !== undefined) throw wrong(`[${index}] has the unknown setting "${unknown}"`);
    const name = given.name ?? given.accountId;
    if (typeof name !== "string" || !/^[\w.-]{1,64}$/.test(name))
      throw wrong(`[${index}].name is not a name of letters, digits, and the signs _ . -`);
    const { accountId, accessKeyId, secretAccessKey } = given as Record<keyof typeof FIELDS, string>;
    return { accountId, name, accessKeyId, secretAccessKey };
  });
  for (const key of ["accessKeyId", "name"] as const) {
    const seen = new Set<string>();
    for (const account of accounts) {
      if (seen.has(account[key])) throw wrong(`${key} "${account[key]}" stands in it twice`);
      seen.add(account[key]);
    }
  }
  return accounts;
}

function named(account: Account): NamedAccount {
  return { ...account, name: account.name ?? account.accountId };
}

function credentialsText(accounts: readonly NamedAccount[]): string {
  return accounts
    .map(({ name, accountId, accessKeyId, secretAccessKey }) =>
      [
        `[${name}]`,
        `# account ${accountId}`,
        `aws_access_key_id = ${accessKeyId}`,
        `aws_secret_access_key = ${secretAccessKey}`,
        "",
      ].join("\n"),
    )
    .join("\n");
}
