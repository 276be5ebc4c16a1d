/** Answers on the wire: JSON, a request id, and errors the way every SDK reads them. */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { ApiError } from "../errors.js";

export const newRequestId = () => randomUUID();

/** Success is always 200; an operation without output answers {}. */
export function sendAnswer(response: ServerResponse, requestId: string, answer: object): void {
  send(response, 200, requestId, answer, {});
}

/** SDKs differ in which they read, so the name is in a header and in the body, the text under two members. */
export function sendError(response: ServerResponse, requestId: string, error: ApiError): void {
  const { name, message, resourceName } = error;
  const resource = resourceName === undefined ? {} : { ResourceName: resourceName };
  const body = { __type: name, message, Message: message, ...resource };
  send(response, error.status, requestId, body, { "x-amzn-errortype": name });
}

function send(response: ServerResponse, status: number, requestId: string, body: object, headers: object): void {
  if (response.headersSent || response.destroyed) return;
  const text = Buffer.from(JSON.stringify(body), "utf8");
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": text.length,
    "x-amzn-requestid": requestId,
    ...headers,
  });
  response.end(text);
}
