import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HansaError } from "@hansa/primitives";
import { isNotFound, natsError } from "./nats-error.js";

const AT = { servers: ["tls://nats-1:4222"] };

/** As the JetStream API's errors come. */
const refusal = (code: number, text: string) => Object.assign(new Error(text), { code });

describe("an error of NATS servers", () => {
  it("says what is wrong and what to do", () => {
    const cases: readonly [Error, string, RegExp, RegExp][] = [
      [
        new Error("connection refused", { cause: new Error("connect ECONNREFUSED 127.0.0.1:4222") }),
        "STREAM_AWAY",
        /^no NATS server answers at tls:\/\/nats-1:4222: connection refused: connect ECONNREFUSED/,
        /start the NATS servers/,
      ],
      [new Error("Authorization Violation"), "STREAM_REFUSED", /do not let this node in/, /ordering\.credentials/],
      [new Error("self-signed certificate in chain"), "STREAM_REFUSED", /^no TLS connection/, /ordering\.tls/],
      [new Error("timeout"), "STREAM_AWAY", /do not answer: timeout$/, /more than half/],
      [refusal(10_077, "maximum bytes exceeded"), "STREAM_FULL", /no room: maximum bytes exceeded$/, /max_bytes/],
      [refusal(10_074, "replicas > 1 not supported"), "STREAM_REFUSED", /cannot place the stream/, /replicas/],
      [refusal(10_039, "not enabled for account"), "STREAM_REFUSED", /^JetStream is off at/, /jetstream/],
      [refusal(10_999, "something new"), "STREAM_REFUSED", /refuse: something new \(10999\)$/, /logs/],
    ];
    for (const [error, code, message, nextStep] of cases) {
      const said = natsError(error, AT);
      assert.ok(said instanceof HansaError, error.message);
      assert.equal(said.code, code);
      assert.match(said.message, message);
      assert.match(said.nextStep ?? "", nextStep);
      assert.equal(said.cause, error);
      assert.equal(natsError(said, AT), said, "said once");
    }
  });

  it("stays as it is when nothing is known of it", () => {
    const error = new Error("never heard of");
    assert.equal(natsError(error, AT), error);
    assert.ok(isNotFound(refusal(10_059, "stream not found")));
    assert.ok(!isNotFound(error));
  });
});
