/**
 * A configuration as JSON, for people and their scripts, and what they make of it back again.
 */
import type { common } from "@hansa/wire";
import { JsonError, type JsonObject, messageFromJson, messageToJson } from "@hansa/wire/json";
import { member } from "../elements.js";

/** In the exact shape of `configtxlator proto_decode --type common.Config`. */
export function configToJson(config: common.IConfig): JsonObject {
  return messageToJson("common.Config", config);
}

/**
 * The configuration that somebody made of another one by editing its JSON. What was left alone keeps the very bytes it
 * had, so that only what was edited counts as changed; so do fields that the JSON cannot show.
 *
 * @param json a common.Config; a configuration block or envelope, as scripts fetch it, is looked into
 * @throws JsonError naming the place that is wrong
 */
export function configFromJson(original: common.IConfig, json: unknown): common.Config {
  const edited = messageFromJson<common.Config>("common.Config", configWithin(json));
  if (edited.channelGroup && original.channelGroup) {
    const [was, is] = [original, edited].map((config) => configToJson(config).channel_group as Shown);
    edited.channelGroup = keepUntouched(original.channelGroup, edited.channelGroup, was!, is!);
  }
  return edited;
}

/** A configuration from its JSON alone. Looks into blocks and envelopes as `configFromJson` does. @throws JsonError */
export function configOfJson(json: unknown): common.Config {
  return messageFromJson<common.Config>("common.Config", configWithin(json));
}

function configWithin(json: unknown): unknown {
  const block = at(json, "data", "data");
  const envelope = Array.isArray(block) ? (block[0] as unknown) : json;
  const found = at(envelope, "payload", "data", "config") ?? at(json, "config") ?? json;
  if (at(found, "channel_group") === undefined && at(found, "channelGroup") === undefined) {
    throw new JsonError("", "holds no configuration: there is no channel_group in it", {
      nextStep: "Begin with what hansa config show --json prints.",
    });
  }
  return found;
}

function at(json: unknown, ...path: string[]): unknown {
  let found = json;
  for (const key of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

type Shown = { readonly [key: string]: unknown };

/** Values and policies that read the same in JSON are taken over from the original. */
function keepUntouched(
  was: common.IConfigGroup,
  is: common.IConfigGroup,
  shownWas: Shown,
  shownIs: Shown,
): common.IConfigGroup {
  const keep = <T extends object>(kind: "values" | "policies", part: "value" | "policy") =>
    Object.fromEntries(
      Object.entries((is[kind] ?? {}) as Record<string, T>).map(([key, item]) => {
        const original = member((was[kind] ?? {}) as Record<string, T>, key);
        const same = (shown: Shown) => JSON.stringify(at(shown, kind, key, part));
        if (original === undefined || same(shownWas) !== same(shownIs)) return [key, item];
        return [key, { ...item, [part]: (original as Record<string, unknown>)[part] }];
      }),
    );
  const groups = Object.entries(is.groups ?? {}).map(([key, group]): [string, common.IConfigGroup] => {
    const original = member(was.groups, key);
    if (original === undefined) return [key, group];
    const [before, after] = [shownWas, shownIs].map((shown) => at(shown, "groups", key) as Shown);
    return [key, keepUntouched(original, group, before!, after!)];
  });
  return {
    ...is,
    groups: Object.fromEntries(groups),
    values: keep<common.IConfigValue>("values", "value"),
    policies: keep<common.IConfigPolicy>("policies", "policy"),
  };
}
