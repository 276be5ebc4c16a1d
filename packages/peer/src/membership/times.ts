/** How often peers speak to one another. */
export type MembershipTimes = {
  /** Between two exchanges of a pair when nothing happens. */
  readonly intervalMs: number;
  /** The least time between two rounds when a lot happens. */
  readonly newsMs: number;
  /** A peer that was silent for so long is gone. */
  readonly silenceMs: number;
};

export const MEMBERSHIP_TIMES: MembershipTimes = { intervalMs: 5_000, newsMs: 1_000, silenceMs: 20_000 };
