/** Just enough of a debugger: it attaches by a WebSocket, sends commands and waits for events. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { get } from "node:http";
import { connect, type Socket } from "node:net";

export class Debugger {
  readonly #socket: Socket;
  #heard = "";
  #commands = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#heard += chunk.toString("latin1");
    });
    socket.on("error", () => {});
  }

  /** @param port where `/json/list` tells what can be attached to */
  static async attach(port: number): Promise<Debugger> {
    const list = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/json/list`, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString("utf8");
        });
        response.on("end", () => resolve(text));
      }).on("error", reject);
    });
    const [target] = JSON.parse(list) as { webSocketDebuggerUrl: string }[];
    const url = new URL(target!.webSocketDebuggerUrl);
    const socket = connect(Number(url.port), url.hostname);
    await once(socket, "connect");
    const attached = new Debugger(socket);
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
    );
    await attached.hear("101 Switching Protocols");
    return attached;
  }

  send(method: string): void {
    const text = Buffer.from(JSON.stringify({ id: ++this.#commands, method }));
    // A text frame of fewer than 126 bytes, masked with zeros.
    this.#socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
  }

  /** Waits until the other side has said it. */
  async hear(text: string): Promise<void> {
    while (!this.#heard.includes(text)) await once(this.#socket, "data");
  }

  detach(): void {
    this.#socket.destroy();
  }
}
