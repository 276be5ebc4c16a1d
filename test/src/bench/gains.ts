/** What it brings to run contracts elsewhere than in processes of their own, from the runs of one bench. */

type Run = {
  readonly workload: string;
  readonly inFlight: number;
  readonly perSecond: number;
  readonly serversCpuMsPerCall: number;
};
type ModeResult = { readonly mode: string; readonly runs: readonly Run[] };

export type Gain = {
  readonly mode: string;
  /** The same network with contracts in processes. */
  readonly than: string;
  readonly workload: string;
  readonly inFlight: number;
  /** Calls a second, as a multiple. */
  readonly perSecond: number;
  /** CPU time of all servers for one call, as a share. */
  readonly serversCpu: number;
};

/** Pairs "inline-inside" with "inline", "processes-worker" with "processes" and so on, where both were run. */
export function gains(results: readonly ModeResult[]): Gain[] {
  return results.flatMap(({ mode, runs }) => {
    const than = /^(.+)-(?:inside|worker)$/.exec(mode)?.[1];
    const base = results.find((each) => each.mode === than);
    if (than === undefined || base === undefined) return [];
    return runs.flatMap(({ workload, inFlight, perSecond, serversCpuMsPerCall }) => {
      const other = base.runs.find((run) => run.workload === workload && run.inFlight === inFlight);
      if (other === undefined || other.perSecond === 0 || other.serversCpuMsPerCall === 0) return [];
      return [
        {
          mode,
          than,
          workload,
          inFlight,
          perSecond: ratio(perSecond, other.perSecond),
          serversCpu: ratio(serversCpuMsPerCall, other.serversCpuMsPerCall),
        },
      ];
    });
  });
}

const ratio = (a: number, b: number) => Number((a / b).toFixed(2));
