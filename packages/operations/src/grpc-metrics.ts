/**
 * What a gRPC server is asked and answers.
 * Source: hyperledger/fabric, common/grpcmetrics and internal/pkg/comm/metrics.go; names, labels and units are alike.
 */
import { grpcCodeName, type ServerMeter } from "@hansa/transport";
import type { Metrics } from "./metrics.js";

/** The meter of one server; several servers of a node may share the metrics. */
export function grpcMeter(metrics: Metrics): ServerMeter {
  const opened = metrics.counter({
    name: "grpc_comm_conn_opened",
    help: "gRPC connections opened. Open minus closed is the active number of connections.",
  });
  const closed = metrics.counter({
    name: "grpc_comm_conn_closed",
    help: "gRPC connections closed. Open minus closed is the active number of connections.",
  });
  const families = { unary: callFamilies(metrics, "unary"), stream: callFamilies(metrics, "stream") };
  const messages = {
    received: metrics.counter({
      name: "grpc_server_stream_messages_received",
      help: "The number of stream messages received.",
      labels: ["service", "method"],
    }),
    sent: metrics.counter({
      name: "grpc_server_stream_messages_sent",
      help: "The number of stream messages sent.",
      labels: ["service", "method"],
    }),
  };
  return {
    connectionOpened: () => opened.with().add(),
    connectionClosed: () => closed.with().add(),
    method(path, isStream) {
      const [, service = "unknown", method = "unknown"] = path.replaceAll(".", "_").split("/");
      const { received, completed, duration } = families[isStream ? "stream" : "unary"];
      return {
        received: () => received.with(service, method).add(),
        completed: (code, seconds) => {
          const name = grpcCodeName(code);
          completed.with(service, method, name).add();
          duration.with(service, method, name).observe(seconds);
        },
        messageReceived: () => messages.received.with(service, method).add(),
        messageSent: () => messages.sent.with(service, method).add(),
      };
    },
  };
}

function callFamilies(metrics: Metrics, kind: "unary" | "stream") {
  return {
    received: metrics.counter({
      name: `grpc_server_${kind}_requests_received`,
      help: `The number of ${kind} requests received.`,
      labels: ["service", "method"],
    }),
    completed: metrics.counter({
      name: `grpc_server_${kind}_requests_completed`,
      help: `The number of ${kind} requests completed.`,
      labels: ["service", "method", "code"],
    }),
    duration: metrics.histogram({
      name: `grpc_server_${kind}_request_duration`,
      help: `The time to complete a ${kind} request.`,
      labels: ["service", "method", "code"],
    }),
  };
}
