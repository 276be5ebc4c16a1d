/** Both ends of a conversation with a chaincode, by hand. */
import assert from "node:assert/strict";
import { type Bytes, fromUtf8, toUtf8, type UnixMs } from "@hansa/primitives";
import { encode, protos } from "@hansa/wire";
import { ChaincodeRegistry } from "../registry.js";
import { ShimType } from "../shim-message.js";
import type { ChaincodeCall, Simulation, StateResults } from "../simulation.js";

/** A simulation over a map that says what was asked of it. */
export function mapSimulation(entries: Record<string, string> = {}) {
  const state = new Map(Object.entries(entries).map(([key, value]) => [key, fromUtf8(value)]));
  const log: string[] = [];
  const range = (start: string, end: string, size = Number.POSITIVE_INFINITY): StateResults => {
    const keys = [...state.keys()].sort().filter((key) => key >= start && (end === "" || key < end));
    let at = 0;
    return {
      next: async () => {
        const key = at < size ? keys[at++] : undefined;
        log.push(`next ${key}`);
        return key === undefined ? undefined : { key, value: state.get(key)! };
      },
      bookmark: async () => keys[at] ?? "",
      close: async () => void log.push("close"),
    };
  };
  const no = () => assert.fail("not expected");
  const simulation: Simulation = {
    getState: (_namespace, key) => state.get(key),
    setState: (namespace, key, value) => void log.push(`set ${namespace} ${key} ${toUtf8(value)}`),
    deleteState: (namespace, key) => void log.push(`delete ${namespace} ${key}`),
    getStateMetadata: () => new Map([["VALIDATION_PARAMETER", fromUtf8("policy")]]),
    setStateMetadata: (_n, key, metadata) => void log.push(`metadata ${key} ${[...metadata.keys()]}`),
    getStateRange: (_namespace, start, end) => range(start, end),
    getStateRangePage: (_namespace, start, end, size) => range(start, end, size),
    getPrivateData: (_namespace, collection, key) => state.get(`${collection}/${key}`),
    getPrivateDataHash: no,
    getPrivateDataMetadata: no,
    getPrivateDataRange: no,
    queryState: no,
    queryPrivateData: no,
    setPrivateData: (_n, collection, key) => void log.push(`set private ${collection} ${key}`),
    deletePrivateData: no,
    purgePrivateData: (_n, collection, key) => void log.push(`purge ${collection} ${key}`),
    setPrivateDataMetadata: no,
  };
  return { simulation, log };
}

/** A registry, and a stream to it that keeps what it is sent; `pass` lets time go by. */
export function setup(limits = {}) {
  const stuck: string[] = [];
  let now = 0;
  let sweep = () => {};
  const registry = new ChaincodeRegistry({
    clock: { now: () => now as UnixMs },
    every: (_ms, run) => {
      sweep = run;
      return () => {};
    },
    accepts: (id) => id !== "stranger:1",
    onStuck: (id) => void stuck.push(id),
    limits,
  });
  const sent: protos.ChaincodeMessage[] = [];
  const stream = {
    closed: undefined as Error | undefined,
    send: (bytes: Bytes) => void sent.push(protos.ChaincodeMessage.decode(bytes)),
    close: (reason?: Error) => {
      stream.closed = reason;
    },
  };
  const pass = (ms: number) => {
    now += ms;
    sweep();
  };
  return { registry, stream, sent, pass, stuck };
}

/** A message as a chaincode sends it. */
export function message(type: number, payload: Bytes = new Uint8Array(0), txid = "tx1", channelId = "trade"): Bytes {
  return encode(protos.ChaincodeMessage, { type, payload, txid, channelId });
}

export function register(name: string): Bytes {
  return message(ShimType.REGISTER, encode(protos.ChaincodeID, { name }), "", "");
}

/** A call of the chaincode "cargo". */
export function call(simulation: Simulation, change: Partial<ChaincodeCall> = {}): ChaincodeCall {
  return {
    channelId: "trade",
    txId: "tx1",
    chaincode: "cargo",
    input: encode(protos.ChaincodeInput, { args: [fromUtf8("create")] }),
    isInit: false,
    signedProposal: undefined,
    simulation,
    history: undefined,
    timeoutMs: 30_000,
    hasCapability: () => true,
    permission: () => ({ read: true, write: true }),
    invoke: () => Promise.reject(new Error("not expected")),
    ...change,
  };
}
