/**
 * The configuration tree as a flat map: every group, value and policy under its full path, as "[Group]  /Channel",
 * "[Value]  /Channel/Capabilities", "[Policy] /Channel/Admins". Updates are judged on this form, and its keys
 * appear in error texts.
 * Source: hyperledger/fabric, common/configtx/configmap.go.
 */
import { equalBytes, NO_BYTES } from "@hansa/primitives";
import { type common, toBigInt } from "@hansa/wire";
import { ConfigError, withContext } from "./error.js";
import { checkElementName } from "./names.js";

type Located = {
  readonly key: string;
  /** names of the groups above, outermost first; empty for the root */
  readonly path: readonly string[];
};

export type ConfigElement =
  | (Located & { readonly kind: "group"; readonly item: common.IConfigGroup })
  | (Located & { readonly kind: "value"; readonly item: common.IConfigValue })
  | (Located & { readonly kind: "policy"; readonly item: common.IConfigPolicy });

export type ConfigElements = ReadonlyMap<string, ConfigElement>;

const PREFIX = { group: "[Group]  ", value: "[Value]  ", policy: "[Policy] " } as const;

const ORDERER_CAPABILITIES = "[Value]  /Channel/Orderer/Capabilities";

export function versionOf(element: ConfigElement): bigint {
  return toBigInt(element.item.version);
}

export function modPolicyOf(element: ConfigElement): string {
  return element.item.modPolicy ?? "";
}

/** @throws ConfigError when an element has a name that none may have */
export function toElements(group: common.IConfigGroup | null | undefined, root: string): ConfigElements {
  const elements = new Map<string, ConfigElement>();
  if (group) addGroup(elements, { kind: "group", key: root, path: [], item: group });
  return elements;
}

function addGroup(elements: Map<string, ConfigElement>, group: ConfigElement & { kind: "group" }): void {
  add(elements, group);
  const path = [...group.path, group.key];
  for (const [key, item] of entries(group.item.groups)) addGroup(elements, { kind: "group", key, path, item });
  for (const [key, item] of entries(group.item.values)) add(elements, { kind: "value", key, path, item });
  for (const [key, item] of entries(group.item.policies)) add(elements, { kind: "policy", key, path, item });
}

function add(elements: Map<string, ConfigElement>, element: ConfigElement): void {
  try {
    checkElementName(element.key);
  } catch (error) {
    throw withContext(`illegal characters in key: ${PREFIX[element.kind]}`, error);
  }
  elements.set(`${PREFIX[element.kind]}/${[...element.path, element.key].join("/")}`, element);
}

/**
 * The tree again. Members of each group are those that the group itself lists; an element that no group lists is
 * left out. Keys come out sorted, so that equal maps give equal bytes.
 *
 * An unset mod_policy becomes "Admins" once the orderer has capabilities: channels made by Fabric 1.0 have such
 * gaps, and every Fabric node fills them this way.
 *
 * @throws ConfigError when a group lists an element that is not in the map
 */
export function toTree(elements: ConfigElements, root: string): common.IConfigGroup {
  const fillsModPolicy = elements.has(ORDERER_CAPABILITIES);
  const modPolicy = (item: { modPolicy?: string | null }) => item.modPolicy || (fillsModPolicy ? "Admins" : "");
  const build = (path: string): common.IConfigGroup => {
    const group = find(elements, "group", path).item;
    const tree: common.IConfigGroup = { ...group, modPolicy: modPolicy(group), groups: {}, values: {}, policies: {} };
    for (const key of sortedKeys(group.groups)) tree.groups![key] = build(`${path}/${key}`);
    for (const key of sortedKeys(group.values)) {
      const { item } = find(elements, "value", `${path}/${key}`);
      tree.values![key] = { ...item, modPolicy: modPolicy(item) };
    }
    for (const key of sortedKeys(group.policies)) {
      const { item } = find(elements, "policy", `${path}/${key}`);
      tree.policies![key] = { ...item, modPolicy: modPolicy(item) };
    }
    return tree;
  };
  return build(`/${root}`);
}

function find<Kind extends ConfigElement["kind"]>(elements: ConfigElements, kind: Kind, path: string) {
  const fullPath = PREFIX[kind] + path;
  const element = elements.get(fullPath);
  if (element === undefined || element.kind !== kind) {
    throw new ConfigError("UPDATE_REFUSED", `missing ${kind} at path: ${fullPath}`);
  }
  return element as ConfigElement & { kind: Kind };
}

/** Whether two trees hold the same elements with the same versions. Order does not matter. */
export function equalTrees(a: common.IConfigGroup, b: common.IConfigGroup): boolean {
  return (
    toBigInt(a.version) === toBigInt(b.version) &&
    (a.modPolicy ?? "") === (b.modPolicy ?? "") &&
    equalMaps(a.groups, b.groups, equalTrees) &&
    equalMaps(a.values, b.values, equalValues) &&
    equalMaps(a.policies, b.policies, equalPolicies)
  );
}

function equalValues(a: common.IConfigValue, b: common.IConfigValue): boolean {
  return (
    toBigInt(a.version) === toBigInt(b.version) &&
    (a.modPolicy ?? "") === (b.modPolicy ?? "") &&
    equalBytes(a.value ?? NO_BYTES, b.value ?? NO_BYTES)
  );
}

function equalPolicies(a: common.IConfigPolicy, b: common.IConfigPolicy): boolean {
  return (
    toBigInt(a.version) === toBigInt(b.version) &&
    (a.modPolicy ?? "") === (b.modPolicy ?? "") &&
    equalRules(a.policy, b.policy)
  );
}

export function equalRules(a: common.IPolicy | null | undefined, b: common.IPolicy | null | undefined): boolean {
  if (!a || !b) return !a && !b;
  return (a.type ?? 0) === (b.type ?? 0) && equalBytes(a.value ?? NO_BYTES, b.value ?? NO_BYTES);
}

function equalMaps<T>(a: MapOf<T>, b: MapOf<T>, equal: (a: T, b: T) => boolean): boolean {
  const keys = sortedKeys(a);
  if (keys.length !== sortedKeys(b).length) return false;
  return keys.every((key) => {
    const [left, right] = [member(a, key), member(b, key)];
    return left !== undefined && right !== undefined && equal(left, right);
  });
}

type MapOf<T> = { [key: string]: T } | null | undefined;

/** The element of a decoded map, never something that objects inherit. */
export function member<T>(map: MapOf<T>, key: string): T | undefined {
  return map && Object.hasOwn(map, key) ? map[key] : undefined;
}

export function entries<T>(map: MapOf<T>): [string, T][] {
  return Object.entries(map ?? {});
}

export function sortedKeys(map: MapOf<unknown>): string[] {
  return Object.keys(map ?? {}).sort();
}
