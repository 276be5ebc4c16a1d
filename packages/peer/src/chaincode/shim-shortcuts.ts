/**
 * What fabric-shim does anew for every call although it comes out the same: it formats log lines that its level then
 * drops (winston looks at the level last), and it parses the caller's certificate with a parser in JavaScript. That is
 * two fifths of the CPU time of a short contract. Here both are done once. And its stream to the peer takes the pipe.
 *
 * The functions travel to chaincode processes as text, so each must stand alone.
 */

import { framed, MAX_FRAME_BYTES, PIPE_VARIABLE, registerBy } from "./child-pipe.js";

type Winston = { createLogger(options: unknown): WinstonLogger };
type WinstonLogger = {
  readonly levels: Readonly<Record<string, number>>;
  isLevelEnabled(level: string): boolean;
  [level: string]: unknown;
};
type X509 = { readonly Certificate: { fromPEM(pem: Uint8Array | string): object } };

/** Loggers made from now on return at once for levels that are not written. */
export function skipDroppedLines(winston: Winston): void {
  const create = winston.createLogger;
  winston.createLogger = function createLogger(options) {
    const logger = create(options);
    for (const level of Object.keys(logger.levels)) {
      const write = logger[level] as (...parts: unknown[]) => unknown;
      logger[level] = (...parts: unknown[]) => (logger.isLevelEnabled(level) ? write.apply(logger, parts) : logger);
    }
    return logger;
  };
}

/** The callers that came last find their certificates parsed. */
export function keepParsedCertificates({ Certificate }: X509): void {
  const kept = new Map<string, object>();
  const parse = Certificate.fromPEM.bind(Certificate);
  Certificate.fromPEM = (pem) => {
    const key = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
    let certificate = kept.get(key);
    if (certificate === undefined) {
      certificate = parse(pem);
      if (kept.size >= 256) kept.clear();
      kept.set(key, certificate);
    }
    return certificate;
  };
}

/** CommonJS text that applies these whenever a contract's fabric-shim loads the modules. */
export const SHORTCUTS_SOURCE = `
const shortcuts = { "winston": ${skipDroppedLines}, "@fidm/x509": ${keepParsedCertificates} };
const pipe = Number(process.env.${PIPE_VARIABLE});
if (pipe > 0 && process.argv.includes("--peer.address")) {
  delete process.env.${PIPE_VARIABLE};
  const framed = ${framed};
  const registerBy = ${registerBy};
  const { Socket } = require("node:net");
  const open = () => new Socket({ fd: pipe, readable: true, writable: true });
  shortcuts["@hyperledger/fabric-protos"] = (protos) => registerBy(protos, open, ${MAX_FRAME_BYTES}, framed);
}
const shortened = new Set();
const Module = require("node:module");
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  const shorten = Object.hasOwn(shortcuts, request) && !shortened.has(loaded) ? shortcuts[request] : undefined;
  if (shorten !== undefined) {
    shortened.add(loaded);
    try {
      shorten(loaded);
    } catch {
      // Another version of the module, which is then used as it is.
    }
  }
  return loaded;
};
`;
