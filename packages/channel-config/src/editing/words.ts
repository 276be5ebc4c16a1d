/** What a change of a configuration is, in plain words, down to the single setting. */
import { Certificate } from "@hansa/crypto";
import type { common } from "@hansa/wire";
import type { Json } from "@hansa/wire/json";
import { describeChange } from "../membership.js";
import { configToJson } from "./config-json.js";

/** Longer lists of single settings are cut: nobody reads on, and a new MSP has dozens. */
const MOST_SETTINGS = 12;
const LONGEST_TEXT = 60;

/** One line for each element that changes, members first; empty when nothing does. */
export function explainChange(before: common.IConfig, after: common.IConfig): string[] {
  const [was, is] = [valuesOf(before), valuesOf(after)];
  return describeChange(before, after, (path) => settingsText(was.get(path), is.get(path)));
}

/** JSON of every value by its path, as "/Channel/Orderer/BatchSize". */
function valuesOf(config: common.IConfig): Map<string, Json> {
  const found = new Map<string, Json>();
  const visit = (group: Json | undefined, path: string): void => {
    if (typeof group !== "object" || group === null || Array.isArray(group)) return;
    const { values, groups } = group as { [key: string]: Json };
    for (const [name, value] of Object.entries(values ?? {})) {
      found.set(`${path}/${name}`, (value as { [key: string]: Json }).value ?? null);
    }
    for (const [name, child] of Object.entries(groups ?? {})) visit(child as Json, `${path}/${name}`);
  };
  visit(configToJson(config).channel_group, "/Channel");
  return found;
}

function settingsText(was: Json | undefined, is: Json | undefined): string {
  const changes = settingChanges(was, is, "");
  if (changes.length === 0) return "";
  const shown = changes.slice(0, MOST_SETTINGS).join(", ");
  return `: ${shown}${changes.length > MOST_SETTINGS ? `, and ${changes.length - MOST_SETTINGS} more` : ""}`;
}

function settingChanges(was: Json | undefined, is: Json | undefined, path: string): string[] {
  if (JSON.stringify(was) === JSON.stringify(is)) return [];
  if (Array.isArray(was ?? []) && Array.isArray(is ?? []) && (Array.isArray(was) || Array.isArray(is))) {
    return listChanges((was ?? []) as readonly Json[], (is ?? []) as readonly Json[], path);
  }
  if (isObject(was) || isObject(is)) {
    const [a, b] = [was, is].map((side) => (isObject(side) ? side : {}));
    const keys = [...new Set([...Object.keys(a!), ...Object.keys(b!)])].sort();
    if (keys.length === 0) return [was === undefined ? `${path || "itself"}` : path];
    return keys.flatMap((key) => settingChanges(a![key], b![key], path === "" ? key : `${path}.${key}`));
  }
  if (isEmpty(was)) return [`${path} ${textOf(is)}`];
  return [`${path} from ${textOf(was)} to ${isEmpty(is) ? "nothing" : textOf(is)}`];
}

function listChanges(was: readonly Json[], is: readonly Json[], path: string): string[] {
  const lacks = (list: readonly Json[], item: Json) =>
    !list.some((each) => JSON.stringify(each) === JSON.stringify(item));
  const added = is.filter((item) => lacks(was, item)).map((item) => `${path} with ${textOf(item)}`);
  const removed = was.filter((item) => lacks(is, item)).map((item) => `${path} without ${textOf(item)}`);
  if (added.length + removed.length > 0) return [...added, ...removed];
  return [`${path} in another order`];
}

function isObject(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

const isEmpty = (json: Json | undefined) => json === undefined || json === null || json === "";

function textOf(json: Json | undefined): string {
  if (json === undefined || json === null) return "nothing";
  if (isObject(json) && "host" in json && "port" in json) return `${textOf(json.host)}:${textOf(json.port)}`;
  if (typeof json === "string" && json.startsWith("LS0tLS1CRUdJTi")) return certificateText(json);
  const text = typeof json === "string" ? json : JSON.stringify(json);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** PEM in base64: nobody wants to read that. */
function certificateText(base64: string): string {
  const pem = Buffer.from(base64, "base64").toString();
  try {
    return `the certificate of ${Certificate.parse(pem).subjectCommonName}`;
  } catch {
    return pem.includes("X509 CRL") ? "a revocation list" : "a PEM block";
  }
}
