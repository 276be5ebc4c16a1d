const { Contract } = require("fabric-contract-api");

/** Does everything a contract should not. */
class MisbehavingContract extends Contract {
  constructor() {
    super("misbehaving");
  }

  async put(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
  }

  async get(ctx, key) {
    return Buffer.from(await ctx.stub.getState(key)).toString();
  }

  async loopForever() {
    for (;;);
  }

  async neverAnswer() {
    return new Promise(() => {});
  }

  async exit() {
    process.exit(3);
  }

  async throwError() {
    throw new Error("this contract throws");
  }

  async throwNothing() {
    throw undefined;
  }

  async rejectLater(ctx) {
    setTimeout(() => Promise.reject(new Error("nobody caught this")), 5);
    await new Promise((done) => setTimeout(done, 500));
    await ctx.stub.putState("rejected", Buffer.from("late"));
  }

  async answer(_ctx, megabytes) {
    return "x".repeat(Number(megabytes) * 1024 * 1024);
  }

  async flood(_ctx, megabytes) {
    const line = `${"noise ".repeat(170)}\n`;
    for (let written = 0; written < Number(megabytes) * 1024 * 1024; written += line.length) process.stdout.write(line);
    return "flooded";
  }

  // Where a contract reaches for what is not its own.

  async putReserved(ctx, key, value) {
    await ctx.stub.putState(`\u0000\u{10ffff}${key}`, Buffer.from(value));
  }

  async getReserved(ctx, key) {
    return Buffer.from(await ctx.stub.getState(`\u0000\u{10ffff}${key}`)).toString();
  }

  async putEmptyKey(ctx) {
    // Past the shim's own check, as a shim of somebody else's might.
    return ctx.stub.handler.handlePutState("", "", Buffer.from("value"), ctx.stub.channel_id, ctx.stub.txId);
  }

  async putElsewhere(ctx, collection) {
    await ctx.stub.putPrivateData(collection, "key", Buffer.from("value"));
  }

  async callSystem(ctx, chaincode, ...words) {
    const { status, message } = await ctx.stub.invokeChaincode(chaincode, words, ctx.stub.getChannelID());
    return `${status} ${message}`;
  }

  // Where it is not the same twice.

  async differ(ctx) {
    await ctx.stub.putState("differs", Buffer.from(String(process.hrtime.bigint())));
  }

  // Where it takes what others need too.

  async spin() {
    for (;;) await new Promise((resolve) => setImmediate(resolve));
  }

  async hoard() {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  }

  async hoardBuffers() {
    const kept = [];
    // No faster than somebody can look, as a contract that leaks would.
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (; ; Atomics.wait(pause, 0, 0, 1)) kept.push(Buffer.alloc(1024 * 1024, 1));
  }

  // Where it breaks the rules of the conversation with its peer.

  async sendGarbage(ctx) {
    ctx.stub.handler._stream.write({ serializeBinary: () => Buffer.from("this is no message at all") });
    await new Promise(() => {});
  }

  async sendForStranger(ctx) {
    const { peer } = require(
      require.resolve("@hyperledger/fabric-protos", { paths: [require.resolve("fabric-shim")] }),
    );
    for (const type of ["GET_STATE", "PUT_STATE", "COMPLETED", "ERROR", "QUERY_STATE_NEXT", "INVOKE_CHAINCODE"]) {
      const message = new peer.ChaincodeMessage();
      message.setType(peer.ChaincodeMessage.Type[type]);
      message.setTxid("a-transaction-of-nobody");
      message.setChannelId(ctx.stub.getChannelID());
      message.setPayload(Buffer.from([1, 2, 3]));
      ctx.stub.handler._stream.write(message);
    }
    return "sent";
  }

  async answerTwice(ctx) {
    const { peer } = require(
      require.resolve("@hyperledger/fabric-protos", { paths: [require.resolve("fabric-shim")] }),
    );
    const response = new peer.Response();
    response.setStatus(200);
    response.setPayload(Buffer.from("first"));
    const message = new peer.ChaincodeMessage();
    message.setType(peer.ChaincodeMessage.Type.COMPLETED);
    message.setTxid(ctx.stub.getTxID());
    message.setChannelId(ctx.stub.getChannelID());
    message.setPayload(response.serializeBinary());
    ctx.stub.handler._stream.write(message);
    return "second";
  }

  async registerAgain(ctx) {
    const { peer } = require(
      require.resolve("@hyperledger/fabric-protos", { paths: [require.resolve("fabric-shim")] }),
    );
    const message = new peer.ChaincodeMessage();
    message.setType(peer.ChaincodeMessage.Type.REGISTER);
    message.setPayload(Buffer.from([10, 5, ...Buffer.from("bench")]));
    ctx.stub.handler._stream.write(message);
    await new Promise(() => {});
  }
}

exports.contracts = [MisbehavingContract];
