// Decorators record the types of parameters, so these imports must stay imports of values.
import { Context, Contract, Info, Returns, Transaction } from "fabric-contract-api";
import { DeliveryCheck, Order, type OrderStatus } from "./order.js";

/** Who takes part, by the MSP id in their certificate. */
const PARTIES = { brewery: "BreweryMSP", carrier: "CarrierMSP", pub: "PubMSP" } as const;

/** Sent when a reading is above the order's limit. The payload is JSON: orderId, celsius, maxCelsius. */
export const TOO_WARM_EVENT = "ShipmentTooWarm";

/**
 * The way of one order: the pub places it, the brewery confirms and ships it, the carrier picks it up, reads its
 * temperature and delivers it, and the pub checks the count. Who may take a step is decided by the caller's certificate,
 * and each step happens once, in this order.
 *
 * An ordinary contract for Hyperledger Fabric: it runs there unchanged.
 */
@Info({ title: "Shipment", description: "Beer on its way from a brewery to a pub" })
export class ShipmentContract extends Contract {
  constructor() {
    super("Shipment");
  }

  @Transaction()
  async PlaceOrder(ctx: Context, orderId: string, beer: string, kegs: number, maxCelsius: number): Promise<void> {
    only("pub", ctx, "place an order");
    if (orderId.length === 0 || orderId.length > 64) throw new Error("An order's id has 1 to 64 characters.");
    whole(kegs, "kegs");
    if (!Number.isFinite(maxCelsius)) throw new Error("The warmest allowed temperature must be a number.");
    const existing = await ctx.stub.getState(orderId);
    if (existing.length > 0) throw new Error(`Order "${orderId}" exists already.`);
    const order: Order = {
      orderId,
      beer,
      orderedKegs: kegs,
      deliveredKegs: 0,
      maxCelsius,
      temperatureReadings: 0,
      tooWarm: false,
      status: "placed",
      updatedAt: "",
    };
    await save(ctx, order);
  }

  @Transaction()
  async ConfirmOrder(ctx: Context, orderId: string): Promise<void> {
    only("brewery", ctx, "confirm an order");
    await step(ctx, orderId, "placed", "confirmed");
  }

  @Transaction()
  async ShipOrder(ctx: Context, orderId: string): Promise<void> {
    only("brewery", ctx, "ship an order");
    await step(ctx, orderId, "confirmed", "shipped");
  }

  @Transaction()
  async RecordPickup(ctx: Context, orderId: string): Promise<void> {
    only("carrier", ctx, "record a pickup");
    await step(ctx, orderId, "shipped", "underway");
  }

  @Transaction()
  async RecordTemperature(ctx: Context, orderId: string, celsius: number): Promise<void> {
    only("carrier", ctx, "record a temperature");
    if (!Number.isFinite(celsius)) throw new Error("A temperature must be a number.");
    const order = await load(ctx, orderId);
    expectStatus(order, "underway");
    order.temperatureReadings += 1;
    order.warmestCelsius = Math.max(order.warmestCelsius ?? celsius, celsius);
    if (celsius > order.maxCelsius) {
      order.tooWarm = true;
      const warning = { orderId, celsius, maxCelsius: order.maxCelsius };
      ctx.stub.setEvent(TOO_WARM_EVENT, Buffer.from(JSON.stringify(warning)));
    }
    await save(ctx, order);
  }

  @Transaction()
  async RecordDelivery(ctx: Context, orderId: string, kegs: number): Promise<void> {
    only("carrier", ctx, "record a delivery");
    whole(kegs, "kegs");
    const order = await load(ctx, orderId);
    if (order.status === "delivered" || order.status === "checked")
      throw new Error(`Order "${orderId}" was delivered already; it cannot be delivered twice.`);
    expectStatus(order, "underway");
    order.deliveredKegs = kegs;
    order.status = "delivered";
    await save(ctx, order);
  }

  /** Compares what was ordered with what arrived, and closes the order. */
  @Transaction()
  @Returns("DeliveryCheck")
  async CheckDelivery(ctx: Context, orderId: string): Promise<DeliveryCheck> {
    only("pub", ctx, "check a delivery");
    const order = await step(ctx, orderId, "delivered", "checked");
    const { orderedKegs, deliveredKegs, tooWarm } = order;
    return { orderId, orderedKegs, deliveredKegs, complete: orderedKegs === deliveredKegs, tooWarm };
  }

  @Transaction(false)
  @Returns("Order")
  async ReadOrder(ctx: Context, orderId: string): Promise<Order> {
    return load(ctx, orderId);
  }

  /** Every state the order has been in, newest first, with the transaction that wrote it, as JSON. */
  @Transaction(false)
  @Returns("string")
  async OrderHistory(ctx: Context, orderId: string): Promise<string> {
    const steps: { txId: string; status: string; updatedAt: string }[] = [];
    for await (const change of ctx.stub.getHistoryForKey(orderId)) {
      const { status, updatedAt } = JSON.parse(Buffer.from(change.value).toString("utf8")) as Order;
      steps.push({ txId: change.txId, status, updatedAt });
    }
    return JSON.stringify(steps);
  }
}

function only(party: keyof typeof PARTIES, ctx: Context, what: string): void {
  const caller = ctx.clientIdentity.getMSPID();
  if (caller !== PARTIES[party]) throw new Error(`Only the ${party} may ${what}; this came from ${caller}.`);
}

function whole(count: number, what: string): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`The number of ${what} must be a whole number above 0.`);
}

async function step(ctx: Context, orderId: string, from: OrderStatus, to: OrderStatus): Promise<Order> {
  const order = await load(ctx, orderId);
  expectStatus(order, from);
  order.status = to;
  await save(ctx, order);
  return order;
}

function expectStatus(order: Order, expected: OrderStatus): void {
  if (order.status !== expected)
    throw new Error(`Order "${order.orderId}" is ${order.status}; this step needs it to be ${expected}.`);
}

async function load(ctx: Context, orderId: string): Promise<Order> {
  const bytes = await ctx.stub.getState(orderId);
  if (bytes.length === 0) throw new Error(`There is no order "${orderId}".`);
  return JSON.parse(Buffer.from(bytes).toString("utf8")) as Order;
}

/** The time comes from the transaction, so that every endorser writes the same bytes. */
async function save(ctx: Context, order: Order): Promise<void> {
  order.updatedAt = ctx.stub.getDateTimestamp().toISOString();
  await ctx.stub.putState(order.orderId, Buffer.from(JSON.stringify(order)));
}
