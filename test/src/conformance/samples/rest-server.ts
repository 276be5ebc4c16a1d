/** asset-transfer-basic/rest-api-typescript: a REST server that queues its transactions in Redis. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { until } from "../../support/until.js";
import { type Application, freePort, type Samples } from "./clone.js";

/** What the sample's generateEnv.sh writes, with other ports. */
function settings(samples: Samples, port: number, redisPort: number): Record<string, string> {
  const organizations = ([1, 2] as const).map((number) => {
    const read = (...names: string[]) => readFileSync(samples.organization(number, ...names), "utf8");
    const user = `users/User1@org${number}.example.com/msp`;
    return {
      [`HLF_CERTIFICATE_ORG${number}`]: read(user, `signcerts/User1@org${number}.example.com-cert.pem`),
      [`HLF_PRIVATE_KEY_ORG${number}`]: read(user, "keystore/priv_sk"),
      [`HLF_CONNECTION_PROFILE_ORG${number}`]: read(`connection-org${number}.json`),
      [`ORG${number}_APIKEY`]: `key-of-org${number}`,
    };
  });
  return Object.assign(
    {
      LOG_LEVEL: "info",
      PORT: String(port),
      AS_LOCAL_HOST: "true",
      REDIS_HOST: "localhost",
      REDIS_PORT: String(redisPort),
    },
    ...organizations,
  ) as Record<string, string>;
}

/** Creates, reads, transfers and deletes an asset over REST. @returns why it cannot be tried here */
export async function runRestServer(samples: Samples, app: Application): Promise<string | undefined> {
  const [port, redisPort] = [await freePort(), await freePort()];
  const redis = spawn("redis-server", ["--port", String(redisPort), "--save", "", "--maxmemory-policy", "noeviction"], {
    stdio: "ignore",
    cwd: app.folder,
  });
  const missing = await new Promise<Error | undefined>((resolve) => {
    redis.once("error", resolve);
    redis.once("spawn", () => resolve(undefined));
  });
  if (missing !== undefined) return `redis-server cannot be started: ${missing.message}`;
  const { NODE_TEST_CONTEXT: _, ...plain } = process.env;
  const env = { ...plain, ...settings(samples, port, redisPort) };
  const server = spawn(process.execPath, ["dist/index.js"], {
    cwd: app.folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  server.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString("utf8");
  });
  try {
    const ask = (method: string, what: string, body?: unknown) =>
      fetch(`http://127.0.0.1:${port}/api/${what}`, {
        method,
        headers: { "X-Api-Key": "key-of-org1", "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    await until("the REST server", async () =>
      (await ask("GET", "assets").catch(() => undefined))?.status === 200 ? true : undefined,
    );
    const submit = async (method: string, what: string, body?: unknown) => {
      const answer = await ask(method, what, body);
      assert.equal(answer.status, 202, await answer.clone().text());
      const { jobId } = (await answer.json()) as { jobId: string };
      const job = await until("the job", async () => {
        const found = (await (await ask("GET", `jobs/${jobId}`)).json()) as {
          transactionIds: string[];
          transactionError?: string;
        };
        return "transactionError" in found || "transactionPayload" in found ? found : undefined;
      });
      assert.equal(job.transactionError ?? "", "");
      const transaction = await (await ask("GET", `transactions/${job.transactionIds[0]}`)).json();
      assert.equal((transaction as { validationCode: string }).validationCode, "VALID");
    };
    await submit("POST", "assets", { ID: "rest1", Color: "red", Size: 42, Owner: "Jean", AppraisedValue: 101 });
    await submit("PATCH", "assets/rest1", [{ op: "replace", path: "/Owner", value: "Ashleigh" }]);
    const read = (await (await ask("GET", "assets/rest1")).json()) as { Owner: string };
    assert.equal(read.Owner, "Ashleigh");
    await submit("DELETE", "assets/rest1");
    assert.equal((await ask("GET", "assets/rest1")).status, 404);
    return undefined;
  } catch (error) {
    throw new Error(`the REST server said:\n${printed.slice(-3_000)}`, { cause: error });
  } finally {
    server.kill("SIGKILL");
    redis.kill("SIGKILL");
  }
}
