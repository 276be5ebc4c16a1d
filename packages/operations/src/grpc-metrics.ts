/**
 * What a gRPC server is asked and answers.
 * Source: hyperledger/fabric, common/grpcmetrics and internal/pkg/comm/metrics.go; names, labels and units are alike.
 */
import type { Metrics } from "./metrics.js";

/** The names that Go gives to gRPC's codes, by number. Source: grpc/grpc-go, codes/code_string.go. */
const CODES = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** What an RPC server tells of one of its methods. */
export type MethodMeter = {
  received(): void;
  completed(code: number, seconds: number): void;
  messageReceived(): void;
  messageSent(): void;
};

export type GrpcMeter = {
  connectionOpened(): void;
  connectionClosed(): void;
  /** @param path "/protos.Endorser/ProcessProposal" */
  method(path: string, isStream: boolean): MethodMeter;
};

/** The meter of one server; several servers of a node may share the metrics. */
export function grpcMeter(metrics: Metrics): GrpcMeter {
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
          const name = CODES[code] ?? `Code(${code})`;
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
