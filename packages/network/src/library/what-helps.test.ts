import assert from "node:assert/strict";
import { it } from "node:test";
import { whatHelps } from "./what-helps.js";

it("advises by the reason of a refusal", () => {
  const advice = (reason: string) => whatHelps(reason, "trade");
  assert.match(
    advice("chaincode 'trade' has not been initialized, must call as init first"),
    /hansa invoke trade .* --init$/,
  );
  assert.match(
    advice(
      "no combination of peers can be derived which satisfy the endorsement policy: required chaincodes are not installed on sufficient peers",
    ),
    /hansa contract deploy <folder>$/,
  );
  assert.match(advice("There is no order B-9."), /^Correct the arguments/);
});
