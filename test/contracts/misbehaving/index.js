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
}

exports.contracts = [MisbehavingContract];
