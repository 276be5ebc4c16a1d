const { randomUUID } = require("node:crypto");
const { Contract } = require("fabric-contract-api");
const { KeyEndorsementPolicy } = require("fabric-shim");

const text = (bytes) => Buffer.from(bytes).toString("utf8");

/** Reads an iterator to its end. */
async function all(iterator, pick) {
  const found = [];
  for (;;) {
    const step = await iterator.next();
    if (step.value) found.push(pick(step.value));
    if (step.done) break;
  }
  await iterator.close();
  return found;
}

const keyAndValue = ({ key, value }) => ({ key, value: text(value) });

/** What a contract may do, so that clients can watch what becomes of it. */
class Everything extends Contract {
  constructor() {
    super("everything");
  }

  async put(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
    return value;
  }

  async get(ctx, key) {
    return text(await ctx.stub.getState(key));
  }

  async remove(ctx, key) {
    await ctx.stub.deleteState(key);
  }

  /** Reads before it writes: two of these at once cannot both be valid. */
  async increment(ctx, key) {
    const count = Number(text(await ctx.stub.getState(key)) || "0") + 1;
    await ctx.stub.putState(key, Buffer.from(String(count)));
    return String(count);
  }

  /** A write is seen by those who come after, not by the transaction that makes it. */
  async putThenGet(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
    return text(await ctx.stub.getState(key));
  }

  async announce(ctx, name, payload) {
    await ctx.stub.putState(`announced-${name}`, Buffer.from(payload));
    ctx.stub.setEvent(name, Buffer.from(payload));
  }

  /** Only the last event of a transaction counts. */
  async announceTwice(ctx, first, second) {
    ctx.stub.setEvent(first, Buffer.from("first"));
    ctx.stub.setEvent(second, Buffer.from("second"));
    await ctx.stub.putState("announced-twice", Buffer.from(second));
  }

  async echoTransient(ctx) {
    const found = {};
    for (const [key, value] of ctx.stub.getTransient()) found[key] = text(value);
    return JSON.stringify(found);
  }

  async whoAmI(ctx) {
    return JSON.stringify({ mspId: ctx.clientIdentity.getMSPID(), id: ctx.clientIdentity.getID() });
  }

  async about(ctx) {
    return JSON.stringify({
      channel: ctx.stub.getChannelID(),
      transaction: ctx.stub.getTxID(),
      seconds: Number(ctx.stub.getTxTimestamp().seconds),
      args: ctx.stub.getArgs(),
      binding: ctx.stub.getBinding(),
    });
  }

  async fail(_ctx, message) {
    throw new Error(message);
  }

  async failAt(ctx, mspId, message) {
    if (ctx.stub.getMspID() === mspId) throw new Error(message);
    await ctx.stub.putState("failed-at", Buffer.from(mspId));
  }

  /** Ends the process that it runs in. */
  async crash() {
    process.exit(1);
  }

  async whereAmI(ctx) {
    return ctx.stub.getMspID();
  }

  async random(ctx) {
    await ctx.stub.putState("random", Buffer.from(randomUUID()));
  }

  async wait(ctx, ms) {
    await new Promise((resolve) => setTimeout(resolve, Number(ms)));
    await ctx.stub.putState("waited", Buffer.from(ms));
  }

  async range(ctx, start, end) {
    return JSON.stringify(await all(await ctx.stub.getStateByRange(start, end), keyAndValue));
  }

  /** Counts a range and writes the count: void when the range changes before it is committed. */
  async countRange(ctx, start, end, into) {
    const found = await all(await ctx.stub.getStateByRange(start, end), keyAndValue);
    await ctx.stub.putState(into, Buffer.from(String(found.length)));
    return String(found.length);
  }

  async page(ctx, start, end, size, bookmark) {
    const { iterator, metadata } = await ctx.stub.getStateByRangeWithPagination(start, end, Number(size), bookmark);
    const rows = await all(iterator, keyAndValue);
    return JSON.stringify({ rows, fetched: metadata.fetchedRecordsCount, bookmark: metadata.bookmark });
  }

  async pageAndWrite(ctx, start, end) {
    const { iterator } = await ctx.stub.getStateByRangeWithPagination(start, end, 2, "");
    await all(iterator, keyAndValue);
    await ctx.stub.putState("paged", Buffer.from("yes"));
  }

  async putComposite(ctx, type, attributes, value) {
    await ctx.stub.putState(ctx.stub.createCompositeKey(type, JSON.parse(attributes)), Buffer.from(value));
  }

  async composites(ctx, type, attributes) {
    const iterator = await ctx.stub.getStateByPartialCompositeKey(type, JSON.parse(attributes));
    const found = await all(iterator, ({ key, value }) => ({
      attributes: ctx.stub.splitCompositeKey(key).attributes,
      value: text(value),
    }));
    return JSON.stringify(found);
  }

  async pageOfComposites(ctx, type, attributes, size, bookmark) {
    const { iterator, metadata } = await ctx.stub.getStateByPartialCompositeKeyWithPagination(
      type,
      JSON.parse(attributes),
      Number(size),
      bookmark,
    );
    const values = await all(iterator, ({ value }) => text(value));
    return JSON.stringify({ values, fetched: metadata.fetchedRecordsCount, bookmark: metadata.bookmark });
  }

  async history(ctx, key) {
    const steps = await all(await ctx.stub.getHistoryForKey(key), (step) => ({
      txId: step.txId,
      isDelete: step.isDelete,
      value: text(step.value),
      seconds: Number(step.timestamp.seconds),
    }));
    return JSON.stringify(steps);
  }

  async richQuery(ctx, query) {
    return JSON.stringify(await all(await ctx.stub.getQueryResult(query), keyAndValue));
  }

  /** From now on only these members together may change the key. */
  async guard(ctx, key, mspIds) {
    const policy = new KeyEndorsementPolicy();
    policy.addOrgs("MEMBER", ...JSON.parse(mspIds));
    await ctx.stub.setStateValidationParameter(key, policy.getPolicy());
  }

  async guards(ctx, key) {
    const bytes = await ctx.stub.getStateValidationParameter(key);
    return JSON.stringify(bytes && bytes.length > 0 ? new KeyEndorsementPolicy(bytes).listOrgs() : []);
  }

  async call(ctx, chaincode, args, channel) {
    const { status, message, payload } = await ctx.stub.invokeChaincode(chaincode, JSON.parse(args), channel);
    return JSON.stringify({ status, message, payload: text(payload) });
  }

  async putPrivate(ctx, collection, key) {
    await ctx.stub.putPrivateData(collection, key, ctx.stub.getTransient().get("value"));
  }

  async getPrivate(ctx, collection, key) {
    return text(await ctx.stub.getPrivateData(collection, key));
  }

  async hashPrivate(ctx, collection, key) {
    return Buffer.from(await ctx.stub.getPrivateDataHash(collection, key)).toString("hex");
  }

  async removePrivate(ctx, collection, key) {
    await ctx.stub.deletePrivateData(collection, key);
  }

  async purgePrivate(ctx, collection, key) {
    await ctx.stub.purgePrivateData(collection, key);
  }

  async rangePrivate(ctx, collection, start, end) {
    // Unlike ranges of public state, these come wrapped.
    const { iterator } = await ctx.stub.getPrivateDataByRange(collection, start, end);
    return JSON.stringify(await all(iterator, keyAndValue));
  }
}

/** A second contract in the same chaincode, reached by its name. */
class Greeter extends Contract {
  constructor() {
    super("greeter");
  }

  async greet(_ctx, name) {
    return `Moin ${name}`;
  }
}

exports.contracts = [Everything, Greeter];
