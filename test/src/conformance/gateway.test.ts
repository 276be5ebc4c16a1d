/** Fabric's own client library, unmodified, against a network of ours. */
import { after, before, describe } from "node:test";
import { errors } from "./gateway/errors.js";
import { events } from "./gateway/events.js";
import { Fixture } from "./gateway/fixture.js";
import { offlineSigning } from "./gateway/offline-signing.js";
import { realPeer } from "./gateway/real-peer.js";
import { state } from "./gateway/state.js";
import { systemChaincodes } from "./gateway/system-chaincodes.js";
import { tampering } from "./gateway/tampering.js";
import { transactions } from "./gateway/transactions.js";

describe("the official gateway client", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start();
  });
  after(() => fixture?.stop());
  const current = () => fixture;

  transactions(current);
  offlineSigning(current);
  errors(current);
  tampering(current);
  events(current);
  state(current);
  systemChaincodes(current);
  realPeer(current);
});
