import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { whyNotRunning } from "./why-not-running.js";

const chaincode = `chaincode trade_1.0:${"ab".repeat(32)}`;

describe("why a contract does not run", () => {
  const said: [what: string, reason: string, expected: string][] = [
    [
      "names the error among what the process printed",
      `${chaincode} exited with 1:\nfabric-chaincode-node start\n\nOptions:\n  --help\n\nTypeError: no contract\n    at x (y.js:1:2)`,
      "its process exited with 1: TypeError: no contract",
    ],
    [
      "takes the last line where there is no error",
      `${chaincode} exited with 3:\none\ntwo\n`,
      "its process exited with 3: two",
    ],
    ["needs no output", `${chaincode} exited with 0`, "its process exited with 0"],
    [
      "says in words that time ran out",
      `${chaincode} is not running; rpc error: code = DeadlineExceeded desc = context deadline exceeded`,
      "it has not answered in the time it has to start",
    ],
    [
      "keeps what is short already",
      "could not build chaincode: no package.json.",
      "could not build chaincode: no package.json",
    ],
  ];
  for (const [what, reason, expected] of said) it(what, () => assert.equal(whyNotRunning(reason), expected));
});
