/** A member's user as Fabric's client library has it, from nothing but the variables that `hansa env` prints. */
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { connect, type Gateway, hash, signers } from "@hyperledger/fabric-gateway";

const CALL_MS = 10_000;

/** Which peer to ask: the variables of the member that has it. */
export type Via = Readonly<Record<string, string>>;

/** A connected gateway. `via` is another member's variables where the user asks that one's peer. */
export class FabricUser {
  readonly mspId: string;
  readonly gateway: Gateway;
  readonly #client: GrpcClient;

  constructor(env: Via, via: Via = env) {
    const { MSP_ID, CERT_DIRECTORY_PATH, KEY_DIRECTORY_PATH } = env as Record<string, string>;
    const { PEER_ENDPOINT, PEER_HOST_ALIAS, TLS_CERT_PATH } = via as Record<string, string>;
    this.mspId = MSP_ID!;
    const tls = credentials.createSsl(readFileSync(TLS_CERT_PATH!));
    this.#client = new GrpcClient(PEER_ENDPOINT!, tls, { "grpc.ssl_target_name_override": PEER_HOST_ALIAS! });
    const deadline = () => ({ deadline: Date.now() + CALL_MS });
    this.gateway = connect({
      client: this.#client,
      identity: { mspId: this.mspId, credentials: onlyFile(CERT_DIRECTORY_PATH!) },
      signer: signers.newPrivateKeySigner(createPrivateKey(onlyFile(KEY_DIRECTORY_PATH!))),
      hash: hash.sha256,
      evaluateOptions: deadline,
      endorseOptions: deadline,
      submitOptions: deadline,
      commitStatusOptions: deadline,
    });
  }

  /** Writes under a key. @param endorsers MSP ids of the members whose peers must endorse, all of them */
  async write(channel: string, contract: string, key: string, endorsers?: readonly string[]): Promise<void> {
    const options = {
      arguments: [key, `value of ${key}`],
      ...(endorsers && { endorsingOrganizations: [...endorsers] }),
    };
    await this.gateway.getNetwork(channel).getContract(contract).submit("create", options);
  }

  async read(channel: string, contract: string, key: string): Promise<string> {
    const bytes = await this.gateway.getNetwork(channel).getContract(contract).evaluateTransaction("read", key);
    return Buffer.from(bytes).toString("utf8");
  }

  close(): void {
    this.gateway.close();
    this.#client.close();
  }
}

function onlyFile(folder: string): Buffer {
  const [name = ""] = readdirSync(folder);
  return readFileSync(path.join(folder, name));
}
