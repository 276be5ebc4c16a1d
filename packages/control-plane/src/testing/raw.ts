/** Signed requests without an SDK, which would refuse to send some of what a server must withstand. */
import { systemClock } from "@hansa/primitives";
import { signHeaders } from "../auth/sign.js";
import { ACCOUNTS, REGION } from "./control-plane.js";

export type RawAnswer = {
  readonly status: number;
  readonly error: string | null;
  readonly requestId: string | null;
  readonly body: Record<string, unknown>;
};

/** `target` is path and query, encoded; a body that is no string goes as JSON. */
export async function raw(
  url: string,
  account: number,
  method: string,
  target: string,
  body?: unknown,
): Promise<RawAnswer> {
  const { accessKeyId, secretAccessKey } = ACCOUNTS[account]!;
  const content = Buffer.from(body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body), "utf8");
  const request = { method, host: new URL(url).host, target, body: content };
  const response = await fetch(`${url}${target}`, {
    method,
    headers: signHeaders(request, { accessKeyId, secretAccessKey }, REGION, systemClock.now()),
    ...(body === undefined ? {} : { body: content }),
  });
  return {
    status: response.status,
    error: response.headers.get("x-amzn-errortype"),
    requestId: response.headers.get("x-amzn-requestid"),
    body: (await response.json()) as Record<string, unknown>,
  };
}
