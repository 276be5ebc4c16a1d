/** What the tests of this package share: a service that echoes, servers and clients that end with the test. */
import { after } from "node:test";
import { silentLogger } from "@hansa/primitives";
import { RpcClient, type TlsClient } from "../client.js";
import { type Handlers, RpcServer, type RpcServerOptions, type ServiceOptions } from "../server.js";
import { RpcStatus } from "../status.js";

export const Echo = {
  name: "test.Echo",
  methods: {
    Once: { path: "/test.Echo/Once", requestStream: false, responseStream: false },
    Many: { path: "/test.Echo/Many", requestStream: false, responseStream: true },
    Talk: { path: "/test.Echo/Talk", requestStream: true, responseStream: true },
  },
} as const;

const closers: (() => unknown)[] = [];
after(() => Promise.all(closers.map((close) => close())));

export type ServeOptions = Partial<RpcServerOptions> & { service?: ServiceOptions; at?: string };

export async function serve(handlers: Handlers<typeof Echo>, options: ServeOptions = {}) {
  const { service, at, ...serverOptions } = options;
  const server = new RpcServer({ logger: silentLogger, ...serverOptions });
  server.addService(Echo, handlers, service);
  const { address, port } = await server.listen(at ?? "127.0.0.1:0");
  closers.push(() => server.stop({ graceMs: 50 }));
  return { server, address, port };
}

export function dial(address: string, tls?: TlsClient): RpcClient {
  const client = new RpcClient(address, tls);
  closers.push(() => client.close());
  return client;
}

export const bytes = (text: string): Buffer => Buffer.from(text);

/** For assert.rejects: a status with this code, and a text that matches. */
export const refused = (code: number, message?: RegExp) => (error: unknown) =>
  error instanceof RpcStatus && error.code === code && (message?.test(error.message) ?? true);
