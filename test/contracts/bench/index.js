const { Contract } = require("fabric-contract-api");

/** One put, one get-and-put, one get: the smallest transactions that mean something. */
class BenchContract extends Contract {
  constructor() {
    super("bench");
  }

  async create(ctx, key, value) {
    await ctx.stub.putState(key, Buffer.from(value));
  }

  async update(ctx, key, value) {
    const held = await ctx.stub.getState(key);
    if (held.length === 0) throw new Error(`no value at "${key}"`);
    await ctx.stub.putState(key, Buffer.from(value));
  }

  async read(ctx, key) {
    const held = await ctx.stub.getState(key);
    if (held.length === 0) throw new Error(`no value at "${key}"`);
    return Buffer.from(held).toString();
  }
}

exports.contracts = [BenchContract];
