/**
 * The debugger's port of a contract that is being developed. It stays the same while the contract's process comes and
 * goes, and it knows whether a debugger is attached: then calls must not run out of time.
 *
 * It passes bytes on and reads only the first of each connection: a debugger asks over HTTP what there is, and then
 * attaches by a WebSocket.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { HansaError, messageOf } from "@hansa/primitives";

export class InspectorProxy {
  readonly #server: Server;
  readonly #onAttached: (attached: boolean) => void;
  readonly #attached = new Set<Socket>();
  readonly #open = new Set<Socket>();
  #target: number | undefined;
  port = 0;

  constructor(onAttached: (attached: boolean) => void) {
    this.#onAttached = onAttached;
    this.#server = createServer((socket) => this.#pass(socket));
  }

  /** @throws HansaError PORT_IN_USE */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    }).catch((cause: unknown) => {
      throw new HansaError("PORT_IN_USE", `The debugger's port ${port} cannot be opened: ${messageOf(cause)}.`, {
        cause,
        nextStep: "Choose another one with --inspect=<port>.",
      });
    });
    const address = this.#server.address();
    this.port = typeof address === "object" && address !== null ? address.port : port;
  }

  /** @param port of the process that serves from now on */
  aimAt(port: number): void {
    this.#target = port;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #pass(socket: Socket): void {
    if (this.#target === undefined) {
      socket.destroy();
      return;
    }
    const inner = connect(this.#target, "127.0.0.1");
    const end = () => {
      socket.destroy();
      inner.destroy();
      this.#open.delete(socket);
      if (this.#attached.delete(socket) && this.#attached.size === 0) this.#onAttached(false);
    };
    this.#open.add(socket);
    for (const each of [socket, inner]) {
      each.on("error", end);
      each.on("close", end);
    }
    socket.once("data", (head: Buffer) => {
      if (/^upgrade: *websocket/im.test(head.toString("latin1"))) {
        this.#attached.add(socket);
        if (this.#attached.size === 1) this.#onAttached(true);
      }
      inner.write(head);
      socket.pipe(inner);
    });
    inner.pipe(socket);
  }
}
