/**
 * `lscc`: the lifecycle before Fabric 2.0, as far as channels with the capability V2_0 or later have it: nothing is
 * deployed there by it, and nothing can be. Old tools ask it what is installed and instantiated, and hear: nothing.
 * Installing a chaincode of that lifecycle, which Fabric's peer still does, is refused.
 * Source: hyperledger/fabric 2.5, core/scc/lscc/lscc.go and errors.go; texts alike.
 */
import { type Bytes, toUtf8 } from "@hansa/primitives";
import { isWireFormat } from "@hansa/wire";
import type { AccessControl } from "./access.js";
import { type ChaincodeResponse, failed, type SystemCall, type SystemChaincode, success } from "./system-chaincode.js";

/** Of what each function, by either of its names, is a use. */
const RESOURCES: Readonly<Record<string, string>> = {
  install: "lscc/Install",
  getid: "lscc/ChaincodeExists",
  ChaincodeExists: "lscc/ChaincodeExists",
  getdepspec: "lscc/GetDeploymentSpec",
  GetDeploymentSpec: "lscc/GetDeploymentSpec",
  getccdata: "lscc/GetChaincodeData",
  GetChaincodeData: "lscc/GetChaincodeData",
  getchaincodes: "lscc/GetInstantiatedChaincodes",
  GetChaincodes: "lscc/GetInstantiatedChaincodes",
  getinstalledchaincodes: "lscc/GetInstalledChaincodes",
  GetInstalledChaincodes: "lscc/GetInstalledChaincodes",
  getcollectionsconfig: "lscc/GetCollectionsConfig",
  GetCollectionsConfig: "lscc/GetCollectionsConfig",
};

export class LegacyLifecycleChaincode implements SystemChaincode {
  readonly name = "lscc";
  readonly #access: AccessControl;

  constructor(access: AccessControl) {
    this.#access = access;
  }

  async invoke(call: SystemCall): Promise<ChaincodeResponse> {
    const { args } = call;
    const wrongCount = failed(`invalid number of arguments to lscc: ${args.length}`);
    const [first, second, third] = args;
    if (first === undefined) return wrongCount;
    const method = toUtf8(first);
    if (method === "deploy" || method === "upgrade") {
      if (second === undefined || third === undefined) return wrongCount;
      return failed(`Channel '${toUtf8(second)}' has been migrated to the new lifecycle, LSCC is now read-only`);
    }
    const resource = Object.hasOwn(RESOURCES, method) ? RESOURCES[method] : undefined;
    switch (resource) {
      case undefined:
        return failed(`invalid function to lscc: ${method}`);
      case "lscc/Install":
        if (second === undefined) return wrongCount;
        return this.#denied(call, method, resource, "") ?? install(second);
      case "lscc/GetInstalledChaincodes":
        if (args.length !== 1) return wrongCount;
        return this.#denied(call, method, resource, "") ?? success();
      case "lscc/GetInstantiatedChaincodes": {
        if (args.length !== 1) return wrongCount;
        const { channelId } = call;
        return this.#denied(call, method, resource, channelId, `[${channelId}]`) ?? this.#listNone(call);
      }
      case "lscc/GetCollectionsConfig": {
        if (second === undefined || args.length !== 2) return wrongCount;
        const chaincode = toUtf8(second);
        const denied = this.#denied(call, method, resource, call.channelId);
        if (denied !== undefined) return denied;
        call.simulation?.getState(this.name, `${chaincode}~collection`);
        return failed(`collections config not defined for chaincode ${chaincode}`);
      }
      default: {
        if (second === undefined || third === undefined || args.length !== 3) return wrongCount;
        const channelId = toUtf8(second);
        return this.#denied(call, method, resource, channelId, `[${channelId}]`) ?? this.#lookUp(call, toUtf8(third));
      }
    }
  }

  #denied(call: SystemCall, method: string, resource: string, channelId: string, where = "") {
    const verdict = this.#access.check(resource, channelId, call.proposal);
    return verdict.ok ? undefined : failed(`access denied for [${method}]${where}: ${verdict.reason}`);
  }

  /** Reads, as Fabric does, so that the endorsement says what was looked at. */
  async #listNone({ simulation }: SystemCall): Promise<ChaincodeResponse> {
    const results = simulation?.getStateRange(this.name, "", "");
    await results?.next();
    await results?.close();
    return success();
  }

  #lookUp({ simulation, txId }: SystemCall, chaincode: string): ChaincodeResponse {
    if (simulation === undefined)
      return failed(`transaction not found: GET_STATE failed: transaction ID: ${txId}: no ledger context`);
    simulation.getState(this.name, chaincode);
    return failed(`could not find chaincode with name '${chaincode}'`);
  }
}

function install(specification: Bytes): ChaincodeResponse {
  if (!isWireFormat(specification)) return failed("could not unmarshal chaincode package to CDS or SignedCDS");
  return failed(
    "chaincodes of the lifecycle before 2.0 cannot be installed here; use 'peer lifecycle chaincode install'",
  );
}
