/** What core.yaml asks for and this peer does otherwise or not at all, in words for its log. */
import { HansaError } from "@hansa/primitives";
import type { SettingsFile } from "./settings-file.js";

type Rule = { readonly key: string; applies(settings: SettingsFile): boolean; readonly text: string };

const isOn = (key: string) => (settings: SettingsFile) => settings.flag(key);
const isOff = (key: string) => (settings: SettingsFile) => settings.isSet(key) && !settings.flag(key);
const isSet = (key: string) => (settings: SettingsFile) => settings.text(key) !== "";
const isNot = (key: string, usual: string) => (settings: SettingsFile) =>
  settings.isSet(key) && settings.text(key).toLowerCase() !== usual;

const RULES: readonly Rule[] = [
  {
    key: "ledger.state.stateDatabase",
    applies: isNot("ledger.state.stateDatabase", "goleveldb"),
    text: "no CouchDB is used: rich queries and their indexes are part of the peer",
  },
  {
    key: "ledger.history.enableHistoryDatabase",
    applies: isOff("ledger.history.enableHistoryDatabase"),
    text: "the history of keys is always kept",
  },
  {
    key: "ledger.state.totalQueryLimit",
    applies: isNot("ledger.state.totalQueryLimit", "100000"),
    text: "queries return at most 100000 results, whatever it says",
  },
  {
    key: "vm.endpoint",
    applies: isSet("vm.endpoint"),
    text: "no container engine is used: external builders take their packages, the peer builds Node contracts itself",
  },
  {
    key: "peer.BCCSP.Default",
    applies: isNot("peer.BCCSP.Default", "sw"),
    text: "the key is taken from the file key store: no other key store is known",
  },
  {
    key: "peer.gossip.state.enabled",
    applies: isOn("peer.gossip.state.enabled"),
    text: "blocks come from orderers only: peers do not transfer state by gossip",
  },
  {
    key: "peer.gossip.useLeaderElection",
    applies: isOn("peer.gossip.useLeaderElection"),
    text: "no leader is elected: every peer follows the orderers itself",
  },
  {
    key: "peer.gossip.orgLeader",
    applies: isOff("peer.gossip.orgLeader"),
    text: "every peer follows the orderers itself, leader or not",
  },
  {
    key: "peer.deliveryclient.blockGossipEnabled",
    applies: isOn("peer.deliveryclient.blockGossipEnabled"),
    text: "blocks are not passed on by gossip",
  },
  {
    key: "peer.profile.enabled",
    applies: isOn("peer.profile.enabled"),
    text: "Go's profiler is not there; use node --cpu-prof",
  },
  {
    key: "metrics.provider",
    applies: (settings) => settings.text("metrics.provider") === "statsd",
    text: "metrics are not pushed to statsd",
  },
];

/** One line for each setting that is read but not followed. @throws HansaError NODE_FILES for plug-ins of Go */
export function peerWarnings(settings: SettingsFile): string[] {
  refusePlugins(settings);
  return RULES.filter((rule) => rule.applies(settings)).map(
    ({ key, text }) => `${key} is ${JSON.stringify(settings.text(key))} in ${settings.file}: ${text}`,
  );
}

/** What decides over proposals and transactions must not be left out unnoticed. */
function refusePlugins(settings: SettingsFile): void {
  const plugin = settings.keys().find((key) => {
    const lower = key.toLowerCase();
    return lower.startsWith("peer.handlers.") && lower.endsWith(".library") && settings.text(key) !== "";
  });
  const listed = ["peer.handlers.authFilters", "peer.handlers.decorators"].find((key) =>
    settings.maps(key).some(({ library }) => typeof library === "string" && library !== ""),
  );
  const found = plugin ?? listed;
  if (found === undefined) return;
  throw new HansaError("NODE_FILES", `${settings.file}: ${found} names a plug-in, which only Fabric's peer can load`, {
    nextStep: "Run a Fabric peer there, or remove the plug-in if transactions do not depend on it.",
  });
}
