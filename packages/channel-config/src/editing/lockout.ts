/**
 * What would go wrong for good if a configuration came into force: a channel that nobody may change, write to or read
 * any more cannot be mended, since the mending needs a configuration update itself. So this is asked before anybody
 * signs.
 */
import { type MspId, messageOf } from "@hansa/primitives";
import { common, encode } from "@hansa/wire";
import { DEFAULT_ACLS } from "../acl.js";
import { ChannelConfig } from "../channel-config.js";
import { ConfigError } from "../error.js";
import { checkSuccession } from "../succession.js";
import { modPolicyPath } from "../update.js";
import { signerSupply } from "./supply.js";

export type Finding = {
  /**
   * "refused": no orderer takes the update. "locks": it comes into force and cannot be taken back by those it shuts
   * out. "warns": it can be mended, or needs somebody's attention.
   */
  readonly severity: "refused" | "locks" | "warns";
  /** The element or policy, as "/Channel/Application/Admins". */
  readonly path: string;
  readonly message: string;
  readonly nextStep: string;
};

/** What the configuration does not say and somebody has looked up. */
export type Surroundings = {
  readonly nowMs: number;
  /** When the certificates of the administrators run out whose keys are at hand, milliseconds since 1970. */
  readonly administrators?: ReadonlyMap<MspId, readonly number[]>;
  /** Address of an orderer as "host:port" → whether something answers there. */
  readonly endpoints?: ReadonlyMap<string, boolean>;
};

/**
 * Everything that speaks against a configuration, gravest first. Pure: the same arguments give the same findings.
 * @param edited what is to follow; its versions do not matter
 */
export function findLockouts(current: ChannelConfig, edited: common.IConfig, surroundings: Surroundings): Finding[] {
  let next: ChannelConfig;
  try {
    next = ChannelConfig.load(current.channelId, edited, { previous: current });
    next.checkCapabilities();
    if (!next.hasOrderer) throw new ConfigError("INVALID_CONFIG", "config does not contain orderer config");
    checkSuccession(current, next);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const nextStep = error.nextStep ?? "Correct it; the orderer refuses the update as it is.";
    return [
      { severity: "refused", path: "/Channel", message: `No orderer takes this: ${messageOf(error)}.`, nextStep },
    ];
  }
  const findings = [
    ...membersLeft(next),
    ...policiesThatMatter(current, next, surroundings),
    ...otherGuards(current, next, surroundings),
    ...accessLists(next, surroundings),
    ...orderingSettings(next, edited),
    ...endpoints(next, surroundings),
    ...expiries(next, surroundings),
  ];
  return findings.sort((a, b) => GRAVITY[a.severity] - GRAVITY[b.severity]);
}

const GRAVITY = { refused: 0, locks: 1, warns: 2 } as const;

function membersLeft(next: ChannelConfig): Finding[] {
  const findings: Finding[] = [];
  if (next.hasApplication && next.applicationOrgs().length === 0) {
    const message = "No member is left on the channel.";
    const nextStep = "Leave at least one member in, or remove the channel from the orderer instead.";
    findings.push({ severity: "locks", path: "/Channel/Application", message, nextStep });
  }
  if (next.ordererOrgs().length === 0) {
    const message = "No organisation is left that may order blocks.";
    findings.push({ severity: "locks", path: "/Channel/Orderer", message, nextStep: "Leave the orderer's in." });
  }
  return findings;
}

/** Policies that everything hangs on: path → what nobody could do any more, and how grave that is. */
const VITAL: readonly (readonly [path: string, severity: "locks" | "warns", consequence: string])[] = [
  ["/Channel/Admins", "locks", "nobody could change the channel's own settings any more"],
  ["/Channel/Application/Admins", "locks", "nobody could admit, remove or reconfigure members any more"],
  ["/Channel/Orderer/Admins", "locks", "nobody could change the orderer's settings any more"],
  ["/Channel/Writers", "locks", "nobody could send a transaction or a configuration update any more"],
  ["/Channel/Readers", "locks", "no peer could fetch blocks any more"],
  ["/Channel/Orderer/BlockValidation", "locks", "no peer would accept a block any more"],
  ["/Channel/Application/Writers", "warns", "nobody could send a transaction any more"],
  ["/Channel/Application/Readers", "warns", "nobody could read blocks and events any more"],
  ["/Channel/Application/Endorsement", "warns", "contracts with the default policy could not be called any more"],
  ["/Channel/Application/LifecycleEndorsement", "warns", "no contract could be deployed any more"],
];

function policiesThatMatter(current: ChannelConfig, next: ChannelConfig, { nowMs }: Surroundings): Finding[] {
  return VITAL.flatMap(([path, gravity, consequence]): Finding[] => {
    if (path.startsWith("/Channel/Application/") && !next.hasApplication) return [];
    const [was, is] = [current, next].map((config) => config.isSatisfiable(path, signerSupply(config, nowMs)));
    if (is === true) return [];
    if (was !== true && is === was) {
      const message = `${unmet(path, is)}, as before: ${consequence}.`;
      return [{ severity: "warns", path, message, nextStep: "Mend it with this update, if you still can." }];
    }
    const nextStep =
      "Name only members that stay on the channel, in roles that they have, and not more than there are.";
    return [{ severity: gravity, path, message: `${unmet(path, is)}: ${consequence}.`, nextStep }];
  });
}

function unmet(path: string, satisfiable: boolean | undefined): string {
  return satisfiable === undefined ? `There is no policy ${path}` : `No set of signatures satisfies ${path}`;
}

/** Elements that other policies guard than the vital ones. */
function otherGuards(current: ChannelConfig, next: ChannelConfig, { nowMs }: Surroundings): Finding[] {
  const elements = new Map<string, string[]>();
  for (const [key, element] of next.elements()) {
    const guard = modPolicyPath(element);
    if (VITAL.some(([path]) => path === guard)) continue;
    elements.set(guard, [...(elements.get(guard) ?? []), key.slice(key.indexOf("/"))]);
  }
  const supply = signerSupply(next, nowMs);
  const supplyBefore = signerSupply(current, nowMs);
  return [...elements].flatMap(([path, guarded]): Finding[] => {
    const is = next.isSatisfiable(path, supply);
    if (is === true || (current.hasPolicy(path) && current.isSatisfiable(path, supplyBefore) === is)) return [];
    const more = guarded.length > 1 ? ` and ${guarded.length - 1} more` : "";
    const message = `${unmet(path, is)}: nobody could change ${guarded[0]}${more} any more.`;
    return [{ severity: "warns", path, message, nextStep: "Name a policy in mod_policy that somebody satisfies." }];
  });
}

function accessLists(next: ChannelConfig, { nowMs }: Surroundings): Finding[] {
  const supply = signerSupply(next, nowMs);
  return [...DEFAULT_ACLS].flatMap(([resource, usual]): Finding[] => {
    const path = next.aclPolicyPath(resource) ?? usual;
    const is = path === usual ? true : next.isSatisfiable(path, supply);
    if (is === true) return [];
    const message = `${unmet(path, is)}: nobody could use ${resource} any more.`;
    return [
      { severity: "warns", path: `/Channel/Application/ACLs ${resource}`, message, nextStep: `Usual is ${usual}.` },
    ];
  });
}

function orderingSettings(next: ChannelConfig, edited: common.IConfig): Finding[] {
  const findings: Finding[] = [];
  const { absoluteMaxBytes, state } = next.orderer;
  const configBytes = encode(common.Config, edited).length;
  // A configuration transaction carries the whole configuration and the update that led to it.
  if (configBytes > absoluteMaxBytes) {
    findings.push({
      severity: "locks",
      path: "/Channel/Orderer/BatchSize",
      message: `The configuration itself has ${configBytes} bytes and the largest message ${absoluteMaxBytes}: no further configuration would fit.`,
      nextStep: `Let absolute_max_bytes be several times ${configBytes}.`,
    });
  }
  if (state === "MAINTENANCE") {
    findings.push({
      severity: "warns",
      path: "/Channel/Orderer/ConsensusType",
      message: "In maintenance the orderer takes no transactions but those of its own administrators.",
      nextStep: "Set the state back to STATE_NORMAL afterwards.",
    });
  }
  return findings;
}

function endpoints(next: ChannelConfig, { endpoints: seen }: Surroundings): Finding[] {
  const path = "/Channel/Orderer";
  const addresses = next.ordererEndpoints().map(({ address }) => address);
  const nextStep = "Give each orderer organisation its Endpoints as host:port.";
  if (addresses.length === 0) {
    return [
      { severity: "locks", path, message: "No address of an orderer is left: peers could not find it.", nextStep },
    ];
  }
  const wrong = addresses.filter((address) => !/^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(address));
  const silent = addresses.filter((address) => seen?.get(address) === false);
  const findings = wrong.map((address): Finding => {
    return { severity: "warns", path, message: `The orderer's address "${address}" is not host:port.`, nextStep };
  });
  if (silent.length > 0 && silent.length === addresses.length) {
    const message = `No orderer answers at ${silent.join(", ")}: peers could not follow the channel.`;
    return [...findings, { severity: "locks", path, message, nextStep: "Start the orderer there first." }];
  }
  return [
    ...findings,
    ...silent.map((address): Finding => {
      return { severity: "warns", path, message: `No orderer answers at ${address}.`, nextStep: "Check the address." };
    }),
  ];
}

function expiries(next: ChannelConfig, { nowMs, administrators }: Surroundings): Finding[] {
  return next.mspIds().flatMap((mspId): Finding[] => {
    const findings: Finding[] = [];
    const roots = next.msps.get(mspId)?.rootCertificates ?? [];
    if (roots.length > 0 && roots.every((root) => root.notAfterMs < nowMs)) {
      const message = `Every root certificate of ${mspId} has expired.`;
      const nextStep = "Let its authority issue a new root and put that into its MSP.";
      findings.push({ severity: "warns", path: mspId, message, nextStep });
    }
    const expiresAt = administrators?.get(mspId) ?? [];
    if (expiresAt.length > 0 && expiresAt.every((ms) => ms < nowMs)) {
      const message = `The certificate of every known administrator of ${mspId} has expired.`;
      const nextStep = `Renew it at the authority of ${mspId} before its signature is needed.`;
      findings.push({ severity: "warns", path: mspId, message, nextStep });
    }
    return findings;
  });
}
