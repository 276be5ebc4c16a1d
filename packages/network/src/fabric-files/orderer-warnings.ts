/** What orderer.yaml asks for and this orderer does otherwise or not at all, in words for its log. */
import type { SettingsFile } from "./settings-file.js";

type Rule = { readonly key: string; applies(settings: SettingsFile): boolean; readonly text: string };

const isOn = (key: string) => (settings: SettingsFile) => settings.flag(key);
const isSet = (key: string) => (settings: SettingsFile) => settings.text(key) !== "";

const RULES: readonly Rule[] = [
  {
    key: "General.BootstrapFile",
    applies: isSet("General.BootstrapFile"),
    text: "there is no system channel: join application channels with osnadmin",
  },
  {
    key: "General.GenesisFile",
    applies: isSet("General.GenesisFile"),
    text: "there is no system channel: join application channels with osnadmin",
  },
  {
    key: "ChannelParticipation.Enabled",
    applies: (settings) =>
      settings.isSet("ChannelParticipation.Enabled") && !settings.flag("ChannelParticipation.Enabled"),
    text: "channel participation is always there, as in Fabric v3",
  },
  {
    key: "General.Cluster.ListenAddress",
    applies: isSet("General.Cluster.ListenAddress"),
    text: "orderers do not speak Raft to each other, so there is no listener for it",
  },
  {
    key: "General.BCCSP.Default",
    applies: (settings) =>
      settings.isSet("General.BCCSP.Default") && settings.text("General.BCCSP.Default").toUpperCase() !== "SW",
    text: "the key is taken from the file key store: no other key store is known",
  },
  {
    key: "General.Throttling.Rate",
    applies: (settings) => !["", "0"].includes(settings.text("General.Throttling.Rate")),
    text: "clients are not throttled by rate",
  },
  {
    key: "General.Authentication.NoExpirationChecks",
    applies: isOn("General.Authentication.NoExpirationChecks"),
    text: "expired identities are refused all the same",
  },
  {
    key: "General.Profile.Enabled",
    applies: isOn("General.Profile.Enabled"),
    text: "Go's profiler is not there; use node --cpu-prof",
  },
  { key: "Debug.BroadcastTraceDir", applies: isSet("Debug.BroadcastTraceDir"), text: "requests are not written there" },
  { key: "Debug.DeliverTraceDir", applies: isSet("Debug.DeliverTraceDir"), text: "requests are not written there" },
  {
    key: "Metrics.Provider",
    applies: (settings) => settings.text("Metrics.Provider") === "statsd",
    text: "metrics are not pushed to statsd",
  },
  {
    key: "Kafka.Brokers",
    applies: (settings) => settings.isSet("Kafka.Brokers"),
    text: "Kafka is not used: this node orders by itself, or by NATS JetStream (Consensus.JetStream)",
  },
];

/** One line for each setting that is read but not followed. */
export function ordererWarnings(settings: SettingsFile): string[] {
  return RULES.filter((rule) => rule.applies(settings)).map(
    ({ key, text }) => `${key} is ${JSON.stringify(String(settings.raw(key)))} in ${settings.file}: ${text}`,
  );
}
