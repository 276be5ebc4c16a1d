import { findNatsServer } from "@hansa/orderer/nats";

/** Skips a test where there is no nats-server. */
export const natsServerIsMissing = {
  skip: findNatsServer(process.env.PATH ?? "") === undefined ? "no nats-server: run scripts/install-nats.sh" : false,
} as const;
