/** What a node said to one message, made plain enough to compare. */
import type { MethodDefinition, RpcClient } from "@hansa/transport";
import { GrpcStatus, RpcStatus } from "@hansa/transport";

export type Answer =
  | { readonly kind: "message"; readonly bytes: Uint8Array }
  | { readonly kind: "status"; readonly code: number; readonly text: string; readonly details: number }
  | { readonly kind: "end" };

/** No answer within this is a hang. Generous, because the machine may be busy with other tests. */
const HANG_MS = 60_000;

/** The one answer of a unary method, or the first one of a stream. */
export async function ask(rpc: RpcClient, method: MethodDefinition, request: Uint8Array): Promise<Answer> {
  try {
    if (!method.requestStream && !method.responseStream) {
      return { kind: "message", bytes: await rpc.unary(method, request, { timeoutMs: HANG_MS }) };
    }
    const call = method.requestStream
      ? rpc.bidi(method, { timeoutMs: HANG_MS })
      : rpc.serverStream(method, request, { timeoutMs: HANG_MS });
    try {
      if (method.requestStream) await call.send(request);
      for await (const bytes of call.incoming) return { kind: "message", bytes };
      return { kind: "end" };
    } finally {
      call.close();
    }
  } catch (error) {
    if (!(error instanceof RpcStatus)) throw error;
    return { kind: "status", code: error.code, text: error.message, details: error.details.length };
  }
}

/** Why an answer is one that no node should give to any input; undefined when it is fine. */
export function flawOf(answer: Answer): string | undefined {
  if (answer.kind === "end") return undefined;
  const text = answer.kind === "status" ? answer.text : Buffer.from(answer.bytes).toString("latin1");
  if (/\n\s+at \S+.*:\d+:\d+/.test(text)) return `a stack: ${text.slice(0, 300)}`;
  if (answer.kind !== "status") return undefined;
  if (answer.code === GrpcStatus.DEADLINE_EXCEEDED) return "no answer at all";
  if (answer.text === "internal error") return "an error that nobody expected";
  return undefined;
}
