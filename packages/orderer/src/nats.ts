/** What is needed to run NATS servers for orderers, without the orderer itself. */
export { findNatsServer } from "./jetstream/server-binary.js";
export { type NatsServerConfig, type NatsServerTls, natsServerConfig } from "./jetstream/server-config.js";
export type { JetStreamSettings, NatsCredentials } from "./jetstream/settings.js";
export { natsPublicKey, newNatsUser } from "./jetstream/users.js";
