const { Contract } = require("fabric-contract-api");

const VERSION = "deployed";

/** Its tests write other versions of this file into a copy of the folder. */
class WorkshopContract extends Contract {
  constructor() {
    super("workshop");
  }

  async version() {
    return VERSION;
  }

  async put(ctx, key, value) {
    console.log(`putting ${key}`);
    await ctx.stub.putState(key, Buffer.from(value));
    return VERSION;
  }

  async stop() {
    // A debugger that is attached stops here.
    // biome-ignore lint/suspicious/noDebugger: that is what it is for.
    debugger;
    return VERSION;
  }

  async take(_ctx, milliseconds) {
    await new Promise((resolve) => setTimeout(resolve, Number(milliseconds)));
    return VERSION;
  }

  async exit() {
    process.exit(3);
  }
}

exports.contracts = [WorkshopContract];
