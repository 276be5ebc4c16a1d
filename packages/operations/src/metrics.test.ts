import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grpcMeter } from "./grpc-metrics.js";
import { Metrics } from "./metrics.js";
import { OrdererMetrics } from "./orderer-metrics.js";
import { PeerMetrics } from "./peer-metrics.js";

describe("metrics", () => {
  it("are written by name, each with its help, type and series", () => {
    const metrics = new Metrics();
    const b = metrics.counter({ name: "b_count", help: "How many.", labels: ["channel", "code"] });
    metrics.gauge({ name: "a_height", help: "How high." }).with().set(7);
    b.with("trade", "VALID").add();
    b.with("trade", "VALID").add(2);
    b.with("trade", "BAD").add();
    assert.equal(
      metrics.text(),
      [
        "# HELP a_height How high.",
        "# TYPE a_height gauge",
        "a_height 7",
        "# HELP b_count How many.",
        "# TYPE b_count counter",
        'b_count{channel="trade",code="VALID"} 3',
        'b_count{channel="trade",code="BAD"} 1',
        "",
      ].join("\n"),
    );
  });

  it("leave out what nothing has been counted of, as Fabric's do", () => {
    const metrics = new Metrics();
    metrics.counter({ name: "a", help: "A.", labels: ["x"] });
    assert.equal(metrics.text(), "");
  });

  it("count in a histogram what is at or below each bound", () => {
    const metrics = new Metrics();
    const seconds = metrics.histogram({ name: "s", help: "S.", labels: ["channel"] }, [0.1, 1]);
    for (const value of [0.1, 0.5, 0.5, 3]) seconds.with("trade").observe(value);
    assert.deepEqual(metrics.text().split("\n").slice(2, -1), [
      's_bucket{channel="trade",le="0.1"} 1',
      's_bucket{channel="trade",le="1"} 3',
      's_bucket{channel="trade",le="+Inf"} 4',
      's_sum{channel="trade"} 4.1',
      's_count{channel="trade"} 4',
    ]);
  });

  it("escape what labels and helps hold", () => {
    const metrics = new Metrics();
    metrics
      .counter({ name: "a", help: "back\\slash\nline", labels: ["x"] })
      .with('quote" back\\ line\n')
      .add();
    assert.equal(
      metrics.text(),
      '# HELP a back\\\\slash\\nline\n# TYPE a counter\na{x="quote\\" back\\\\ line\\n"} 1\n',
    );
  });

  it("keep a bounded number of series, however many labels callers invent", () => {
    const metrics = new Metrics();
    const family = metrics.counter({ name: "a", help: "A.", labels: ["channel", "chaincode"] });
    for (let n = 0; n < 10_000; n++) family.with("trade", `chaincode-${n}`).add();
    assert.ok(family.series.length <= 2_001, `${family.series.length} series`);
    assert.equal(family.with("(others)", "(others)").value, 8_000);
  });

  it("look up gauges when somebody asks", () => {
    const metrics = new Metrics();
    const height = metrics.gauge({ name: "height", help: "H.", labels: ["channel"] });
    let channels = ["one", "two"];
    metrics.onCollect(() => {
      height.clear();
      for (const channel of channels) height.with(channel).set(1);
    });
    assert.match(metrics.text(), /one.*\n.*two/);
    channels = ["two"];
    assert.doesNotMatch(metrics.text(), /one/);
  });
});

describe("the metrics of gRPC servers", () => {
  it("name service, method and code as Fabric does", () => {
    const metrics = new Metrics();
    const meter = grpcMeter(metrics);
    const endorser = meter.method("/protos.Endorser/ProcessProposal", false);
    endorser.received();
    endorser.completed(2, 0.02);
    const deliver = meter.method("/orderer.AtomicBroadcast/Deliver", true);
    deliver.messageSent();
    const text = metrics.text();
    assert.match(
      text,
      /^grpc_server_unary_requests_received\{method="ProcessProposal",service="protos_Endorser"\} 1$/m,
    );
    assert.match(
      text,
      /^grpc_server_unary_requests_completed\{code="Unknown",method="ProcessProposal",service="protos_Endorser"\} 1$/m,
    );
    assert.match(text, /^grpc_server_unary_request_duration_bucket\{.*,le="0.025"\} 1$/m);
    assert.match(text, /^grpc_server_stream_messages_sent\{method="Deliver",service="orderer_AtomicBroadcast"\} 1$/m);
  });
});

describe("names and labels", () => {
  it("of peers and orderers are well formed, and histograms of one name share their buckets", () => {
    for (const { metrics } of [new PeerMetrics(new Metrics()), new OrdererMetrics(new Metrics())]) {
      for (const { options } of metrics.families()) {
        assert.match(options.name, /^[a-z][a-z_]*$/i);
        for (const label of options.labels ?? []) assert.match(label, /^[a-z_]+$/);
        assert.ok(options.help.length > 10);
      }
    }
  });
});
