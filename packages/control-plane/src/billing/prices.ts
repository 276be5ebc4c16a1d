/**
 * What the managed service charges, as far as is known. Amounts are in USD of us-east-1. How sure each is:
 * - "quoted": read on the service's price page and quoted elsewhere
 * - "estimated": 1.6 times the EC2 on-demand price of the same size, which fits the three that are quoted
 */

export type Confidence = "quoted" | "estimated";
export type Price = { readonly usd: number; readonly confidence: Confidence };

export type PriceList = {
  /** When the list was made, as 2026-04-30. */
  readonly date: string;
  readonly region: string;
  /** Per hour, by edition. */
  readonly membership: Readonly<Record<"STARTER" | "STANDARD", Price>>;
  /** Per hour, by instance type. */
  readonly node: Readonly<Record<string, Price>>;
  /** Per GB and month of 730 hours. */
  readonly storage: Price;
  /** Per GB that a member writes to its network. */
  readonly written: Price;
  /** What is charged for as well and not metered here. */
  readonly notMetered: readonly string[];
};

const quoted = (usd: number): Price => ({ usd, confidence: "quoted" });
const estimated = (usd: number): Price => ({ usd, confidence: "estimated" });

export const PRICES_2026_04: PriceList = {
  date: "2026-04-30",
  region: "us-east-1",
  membership: { STARTER: quoted(0.3), STANDARD: quoted(0.55) },
  node: {
    "bc.t3.small": quoted(0.034),
    "bc.t3.medium": estimated(0.067),
    "bc.t3.large": estimated(0.134),
    "bc.t3.xlarge": estimated(0.267),
    "bc.m5.large": quoted(0.154),
    "bc.m5.xlarge": estimated(0.308),
    "bc.m5.2xlarge": estimated(0.615),
    "bc.m5.4xlarge": quoted(1.229),
    "bc.c5.large": estimated(0.136),
    "bc.c5.xlarge": estimated(0.272),
    "bc.c5.2xlarge": estimated(0.544),
    "bc.c5.4xlarge": estimated(1.088),
  },
  storage: quoted(0.1),
  written: quoted(0.1),
  notMetered: ["VPC endpoints", "data transfer"],
};
