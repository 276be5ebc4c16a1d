/**
 * What is loaded into the process of a contract that is being developed, before the contract: it registers with every
 * peer at once, each by an authority of its own, where fabric-shim knows one peer. One process, so that there is one
 * place to stop at, and one log.
 *
 * It ends with whoever started it, and takes its peers from an environment variable, which other users cannot read.
 * Source of what it goes by: hyperledger/fabric-chaincode-node, libraries/fabric-shim/lib/handler.js.
 */
export const PEERS_VARIABLE = "HANSA_DEVELOPMENT_PEERS";

export type PeerToServe = { readonly address: string; readonly authority: string };

/** CommonJS text, for node's --require. */
export const PRELOAD_SOURCE = `"use strict";
const peers = process.env.${PEERS_VARIABLE};
if (peers !== undefined && process.argv.includes("--peer.address") && !process.argv.includes("--")) {
  delete process.env.${PEERS_VARIABLE};
  process.title = "contract in development";
  process.stdin.on("end", () => process.exit(0));
  process.stdin.on("error", () => process.exit(0));
  process.stdin.resume();
  if (process.stdin.unref) process.stdin.unref();
  const Module = require("node:module");
  const load = Module._load;
  const known = new WeakSet();
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest);
    if (typeof loaded !== "object" || loaded === null || known.has(loaded)) return loaded;
    if (!/(^|\\/)handler(\\.js)?$/.test(request)) return loaded;
    const { ChaincodeSupportClient: Client } = loaded;
    if (typeof Client !== "function" || typeof Client.prototype.chat !== "function") return loaded;
    known.add(loaded);
    const { chat } = Client.prototype;
    let isFirst = true;
    Client.prototype.chat = function (first) {
      if (!isFirst) return chat.call(this, first);
      isFirst = false;
      // The one that the shim made is never connected, and only its options are of use.
      const options = { ...this._options };
      for (const { address, authority } of JSON.parse(peers)) {
        const client = new Client(this.chaincode, "grpc://" + address, { ...options, "ssl-target-name-override": authority });
        client.chat(first);
        this._stream = client._stream;
      }
    };
    return loaded;
  };
}
`;
