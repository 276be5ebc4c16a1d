/** Asks a node about itself, over HTTP or HTTPS, and reads what Prometheus would. */
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

export type Answer = { readonly status: number; readonly type: string | undefined; readonly text: string };
/** Files of a client's certificate and key. */
export type Pair = { readonly cert: string; readonly key: string };

export type Asker = (method: string, path: string, body?: string) => Promise<Answer>;

/** @param rootFile of the server's certificate; absent for plain HTTP */
export function asker(url: string, rootFile?: string, pair?: Pair): Asker {
  const tls = rootFile === undefined ? {} : { ca: readFileSync(rootFile), servername: "localhost" };
  const own = pair === undefined ? {} : { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
  const start = rootFile === undefined ? httpRequest : httpsRequest;
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const call = start(new URL(path, url), { method, agent: false, ...tls, ...own }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers["content-type"],
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      });
      call.on("error", reject);
      call.end(body);
    });
}

export type Family = { readonly kind: string; readonly help: string; readonly labels: readonly string[] };

/** What is served under each name: kind, help, and the labels of the first series. */
export function families(text: string): Map<string, Family> {
  const found = new Map<string, Family>();
  for (const [, name = "", kind = ""] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const help = new RegExp(`^# HELP ${name} (.*)$`, "m").exec(text)?.[1] ?? "";
    const series = new RegExp(`^${name}(?:_bucket|_sum|_count)?(?:\\{(.*)\\})? `, "m").exec(text)?.[1] ?? "";
    const labels = [...series.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== "le");
    found.set(name, { kind, help, labels: labels.sort() });
  }
  return found;
}
