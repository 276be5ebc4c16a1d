const { Contract } = require("fabric-contract-api");

/** Casks in a warehouse: stored as JSON, found by what is in them. */
class WarehouseContract extends Contract {
  constructor() {
    super("warehouse");
  }

  async store(ctx, cask, owner, litres) {
    await ctx.stub.putState(cask, Buffer.from(JSON.stringify({ owner, litres: Number(litres) })));
  }

  async price(ctx, cask) {
    const price = ctx.stub.getTransient().get("price");
    await ctx.stub.putPrivateData("prices", cask, price);
  }

  async find(ctx, query) {
    return JSON.stringify(await all(await ctx.stub.getQueryResult(query)));
  }

  async findPrices(ctx, query) {
    return JSON.stringify(await all(await ctx.stub.getPrivateDataQueryResult("prices", query)));
  }

  async page(ctx, query, size, bookmark) {
    const { iterator, metadata } = await ctx.stub.getQueryResultWithPagination(query, Number(size), bookmark);
    return JSON.stringify({
      found: await all(iterator),
      count: metadata.fetchedRecordsCount,
      bookmark: metadata.bookmark,
    });
  }

  /** A query and a write in one transaction: what was found is read, and may conflict. */
  async merge(ctx, owner, into) {
    const found = await all(await ctx.stub.getQueryResult(JSON.stringify({ selector: { owner } })));
    const litres = found.reduce((sum, [, value]) => sum + JSON.parse(value).litres, 0);
    for (const [key] of found) await ctx.stub.deleteState(key);
    await ctx.stub.putState(into, Buffer.from(JSON.stringify({ owner, litres })));
    return String(litres);
  }
}

async function all(results) {
  const iterator = results.iterator ?? results;
  const found = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next())
    found.push([next.value.key, Buffer.from(next.value.value).toString("utf8")]);
  await iterator.close();
  return found;
}

exports.contracts = [WarehouseContract];
