import { Object as DataType, Property } from "fabric-contract-api";

/** How far an order has come. Each step is taken by one party and happens once. */
export type OrderStatus = "placed" | "confirmed" | "shipped" | "underway" | "delivered" | "checked";

/** One order of beer, as the ledger keeps it. Times are ISO 8601, taken from the transactions. */
@DataType()
export class Order {
  @Property()
  orderId = "";

  @Property()
  beer = "";

  /** Kegs the pub ordered. */
  @Property()
  orderedKegs = 0;

  /** Kegs the carrier handed over; 0 until delivery. */
  @Property()
  deliveredKegs = 0;

  /** The warmest the beer may get, in degrees Celsius. */
  @Property()
  maxCelsius = 0;

  /** The warmest it did get on the way, in degrees Celsius; absent before the first reading. */
  @Property()
  warmestCelsius?: number;

  @Property()
  temperatureReadings = 0;

  @Property()
  tooWarm = false;

  @Property()
  status: string = "placed" satisfies OrderStatus;

  @Property()
  updatedAt = "";
}

/** What the pub finds when it compares what it ordered with what arrived. */
@DataType()
export class DeliveryCheck {
  @Property()
  orderId = "";

  @Property()
  orderedKegs = 0;

  @Property()
  deliveredKegs = 0;

  @Property()
  complete = false;

  @Property()
  tooWarm = false;
}
