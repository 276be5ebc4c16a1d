export type { CallContext, StreamContext } from "./call-context.js";
export * from "./client.js";
export { ClientRoots } from "./client-roots.js";
export { dialFailure } from "./go-answers.js";
export type { MethodDefinition, ServiceDefinition } from "./method.js";
export * from "./server.js";
export * from "./status.js";
export type { Incoming, Send } from "./stream.js";
