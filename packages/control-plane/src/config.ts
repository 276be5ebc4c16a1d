/** What a control plane is started with. */
import type { Clock, Logger } from "@hansa/primitives";
import type { Account } from "./auth/authenticate.js";
import type { PriceList } from "./billing/prices.js";
import type { EventSink } from "./events/sinks.js";
import type { NetworkOperator } from "./operator.js";
import type { Store } from "./store/store.js";

export type Listener = {
  /** host:port; port 0 takes a free one. */
  readonly address: string;
  /** HTTPS with this certificate; plain HTTP without. */
  readonly tls?: { readonly certPem: string | Buffer; readonly keyPem: string | Buffer };
};

export type ControlPlaneConfig = {
  readonly operator: NetworkOperator;
  /** Opened by the caller, who closes it after `stop`. */
  readonly store: Store;
  /** Whose requests are served. Required unless `auth` is "open". */
  readonly accounts?: readonly Account[];
  /** "open": signatures are not checked, and a 12-digit access key id that is nobody's names the account. Default "signed". */
  readonly auth?: "signed" | "open";
  /** One or more; an HTTP and an HTTPS port give the same answers. */
  readonly listen: readonly Listener[];
  /** Default "us-east-1". */
  readonly region?: string;
  readonly clock?: Clock;
  /** The managed service's limits per edition and account. Default "on". */
  readonly quotas?: "on" | "off";
  /** What is created says CREATING for at least this long, by `clock`. Default 0: as long as it really takes. */
  readonly createDelayMs?: number;
  /** Host names as the service writes them, or loopback addresses. Default "loopback". */
  readonly endpoints?: "loopback" | "aws";
  /** Whether networks created here let their clock be moved. Default true. */
  readonly simulatedClock?: boolean;
  readonly logger: Logger;
  /** Where state changes of proposals and invitations are told. */
  readonly events?: readonly EventSink[];
  /** Instead of the list that comes with Hansa. */
  readonly prices?: PriceList;
};

export type Settings = Required<Omit<ControlPlaneConfig, "accounts" | "auth" | "listen" | "events">>;
