/** A stream of NATS as orderers need it: what it is called, and what its settings must be. */
import { HansaError } from "@hansa/primitives";
import type { StreamConfig } from "@nats-io/jetstream";

export type StreamNames = {
  readonly stream: string;
  /** Where records are published. */
  readonly subject: string;
  /** Where the servers say what was appended. */
  readonly followSubject: string;
};

export function namesOf(id: string): StreamNames {
  return { stream: `hansa_${id}`, subject: `hansa.order.${id}`, followSubject: `hansa.ordered.${id}` };
}

/**
 * Settings by which orderers could not read what was ordered, or by which the servers would drop it sooner or later.
 * @throws HansaError STREAM_UNFIT with all of them
 */
export function checkStream(config: StreamConfig, { stream, subject, followSubject }: StreamNames): void {
  const faults = [
    ...(config.subjects?.join() === subject ? [] : [`its subjects are ${config.subjects?.join(", ") || "none"}`]),
    ...(config.mirror || config.sources?.length ? ["it takes its messages from other streams"] : []),
    ...(config.allow_direct ? [] : ["it has no direct reads (allow_direct)"]),
    ...(config.republish?.dest === followSubject ? [] : ["it does not republish what it takes"]),
    ...(config.storage === "file" ? [] : [`its storage is ${config.storage}`]),
    ...(config.retention === "limits" ? [] : [`its retention is ${config.retention}`]),
    ...(config.max_age > 0 ? ["it drops messages by age (max_age)"] : []),
    ...(config.max_msgs_per_subject > 0 ? ["it drops messages by number (max_msgs_per_subject)"] : []),
    ...(config.discard !== "new" && (config.max_bytes > 0 || config.max_msgs > 0)
      ? ["it drops old messages when it is full (max_bytes or max_msgs with discard: old)"]
      : []),
    ...(config.sealed ? ["it is sealed"] : []),
  ];
  if (faults.length === 0) return;
  throw new HansaError("STREAM_UNFIT", `stream ${stream} is not as orderers need it: ${faults.join(", ")}`, {
    nextStep:
      `change it with "nats stream edit ${stream}"; what cannot be changed: stop the orderers, delete the stream, ` +
      `and start them, who make it on subject ${subject} and publish their blocks again`,
  });
}
