/**
 * Whether a node's parts are well, for load balancers and orchestrators.
 * Source: hyperledger/fabric-lib-go, healthz/checker.go; the shapes are alike.
 */
import { messageOf } from "@hansa/primitives";

/** Why a part is not well; undefined while it is. May also throw the reason. */
export type HealthCheck = () => string | undefined | Promise<string | undefined>;

export type HealthReport = {
  readonly status: "OK" | "Service Unavailable";
  /** RFC 3339. */
  readonly time: string;
  readonly failed_checks?: readonly { readonly component: string; readonly reason: string }[];
};

const CHECK_TIMEOUT_MS = 30_000;

/** Asks every part. Undefined when that takes longer than 30 seconds. */
export async function checkHealth(
  checks: Readonly<Record<string, HealthCheck>>,
  now: () => Date = () => new Date(),
): Promise<HealthReport | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), CHECK_TIMEOUT_MS).unref();
  });
  const reasons = await Promise.race([tooLate, Promise.all(Object.values(checks).map(reasonOf))]);
  clearTimeout(timer);
  if (reasons === undefined) return undefined;
  const failed = Object.keys(checks).flatMap((component, index) => {
    const reason = reasons[index];
    return reason === undefined ? [] : [{ component, reason }];
  });
  const time = now().toISOString();
  return failed.length === 0 ? { status: "OK", time } : { status: "Service Unavailable", time, failed_checks: failed };
}

async function reasonOf(check: HealthCheck): Promise<string | undefined> {
  try {
    return await check();
  } catch (error) {
    return messageOf(error);
  }
}
