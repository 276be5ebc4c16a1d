/**
 * What any Node process tells about itself: CPU, memory, files, event loop, garbage collection. One set for the
 * process, however many nodes it holds, and none before somebody asks, because the event loop's delay is sampled.
 */
import { collectDefaultMetrics, Registry } from "prom-client";

let registry: Registry | undefined;

export function processMetricsText(): Promise<string> {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry.metrics();
}
