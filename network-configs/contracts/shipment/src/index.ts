import type { Contract } from "fabric-contract-api";
import { ShipmentContract } from "./shipment.js";

export { ShipmentContract } from "./shipment.js";
export const contracts: (typeof Contract)[] = [ShipmentContract];
