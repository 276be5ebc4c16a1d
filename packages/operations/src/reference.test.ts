/** The reference page lists every metric there is, as it is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLogger } from "@hansa/primitives";
import { grpcMeter } from "./grpc-metrics.js";
import { LogLevels } from "./log-levels.js";
import { Metrics } from "./metrics.js";
import { OrdererMetrics } from "./orderer-metrics.js";
import { PeerMetrics } from "./peer-metrics.js";
import { OperationsServer } from "./server.js";

const page = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../docs/reference/operations.md");

/** What each kind of node may serve. */
const NODES: Readonly<Record<string, (metrics: Metrics) => void>> = {
  peer: (metrics) =>
    new PeerMetrics(metrics).watch(
      () => [],
      () => 0,
    ),
  orderer: (metrics) =>
    new OrdererMetrics(metrics).watch(
      () => [],
      () => 0,
    ),
  CA: (metrics) => void grpcMeter(metrics),
};

type Row = { kind: string; labels: string[]; nodes: string[]; help: string };

function registered(): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [node, register] of Object.entries(NODES)) {
    const metrics = new Metrics();
    register(metrics);
    new OperationsServer(
      { listenAddress: "", logging: new LogLevels() },
      { metrics, checks: {}, logger: silentLogger },
    );
    for (const { kind, options } of metrics.families()) {
      const row = rows.get(options.name);
      const help = options.help.replace(/\.$/, "");
      if (row === undefined) rows.set(options.name, { kind, labels: [...(options.labels ?? [])], nodes: [node], help });
      else row.nodes.push(node);
    }
  }
  return rows;
}

function documented(): Map<string, Row> {
  const rows = readFileSync(page, "utf8").matchAll(/^\| `([a-z_]+)` +\| (\w+) +\|(.*)\| ([\w, ]+?) +\| (.+?) +\|$/gm);
  return new Map(
    [...rows].map(([, name = "", kind = "", labels = "", nodes = "", help = ""]) => [
      name,
      { kind, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!), nodes: nodes.split(", "), help },
    ]),
  );
}

describe("the reference of operations", () => {
  it("names every metric with its kind, labels and nodes, and no other", () => {
    const byName = (rows: Map<string, Row>) => Object.fromEntries([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
    assert.deepEqual(byName(documented()), byName(registered()));
  });
});
