import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StreamConfig } from "@nats-io/jetstream";
import { checkStream, namesOf } from "./stream-config.js";

const names = namesOf("9SAjV0dR5XwHZnLZZ4EFFB");
const fit = {
  name: names.stream,
  subjects: [names.subject],
  storage: "file",
  retention: "limits",
  discard: "new",
  allow_direct: true,
  republish: { src: names.subject, dest: names.followSubject },
  max_age: 0,
  max_bytes: -1,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  sealed: false,
} as StreamConfig;

describe("a stream that somebody has made or changed", () => {
  it("is taken as it is when nothing that was ordered can be missed or dropped", () => {
    for (const more of [{}, { max_bytes: 1_000 }, { max_msgs: 5 }, { max_msg_size: 5_000 }, { num_replicas: 1 }]) {
      checkStream({ ...fit, ...more }, names);
    }
  });

  it("is refused otherwise, with every reason and what to do", () => {
    const cases: readonly [Partial<StreamConfig>, RegExp][] = [
      [{ subjects: ["orders"] }, /its subjects are orders$/],
      [{ subjects: [names.subject, "more"] }, /its subjects are hansa\.order\.\w+, more$/],
      [{ max_age: 60e9 }, /it drops messages by age \(max_age\)$/],
      [{ discard: "old", max_bytes: 1_000 } as Partial<StreamConfig>, /it drops old messages when it is full/],
      [{ max_msgs_per_subject: 10 }, /by number/],
      [{ storage: "memory" } as Partial<StreamConfig>, /its storage is memory$/],
      [{ allow_direct: false, sealed: true }, /it has no direct reads \(allow_direct\), it is sealed$/],
      [{ republish: { src: ">", dest: "elsewhere" } }, /it does not republish what it takes$/],
    ];
    for (const [more, message] of cases) {
      assert.throws(() => checkStream({ ...fit, ...more } as StreamConfig, names), {
        code: "STREAM_UNFIT",
        message,
        nextStep: /nats stream edit hansa_9SAjV0dR5XwHZnLZZ4EFFB/,
      });
    }
  });
});
