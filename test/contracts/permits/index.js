const { Contract } = require("fabric-contract-api");

/** Permits that only callers with the attribute `office=harbour` may grant. */
class PermitsContract extends Contract {
  constructor() {
    super("permits");
  }

  async grant(ctx, ship) {
    if (!ctx.clientIdentity.assertAttributeValue("office", "harbour"))
      throw new Error(`only the harbour office may grant a permit, not ${ctx.clientIdentity.getMSPID()}`);
    await ctx.stub.putState(ship, Buffer.from(ctx.clientIdentity.getID()));
  }

  async attribute(ctx, name) {
    return ctx.clientIdentity.getAttributeValue(name) ?? "none";
  }
}

exports.contracts = [PermitsContract];
