/** The authority as a gRPC service: faults become status codes here and nowhere else. */
import type { Clock, Logger } from "@hansa/primitives";
import { GrpcStatus, type Handlers, packAny, RpcStatus } from "@hansa/transport";
import { decode, encode, hansa, type services, toLong, toNumber, WireError } from "@hansa/wire";
import type { CertificateAuthority } from "./authority.js";
import { BlocksNeededError } from "./enactment.js";
import { CaError, type CaFault } from "./error.js";
import type { GovernanceDesk } from "./governance-desk.js";
import { readAsk, readRegistration } from "./messages.js";
import type { RegisteredIdentity } from "./registry.js";
import { RequestJudge } from "./signed-requests.js";

export const CA_VERSION = "0.1.0";

const CODES: Readonly<Record<CaFault, number>> = {
  UNAUTHENTICATED: GrpcStatus.UNAUTHENTICATED,
  FORBIDDEN: GrpcStatus.PERMISSION_DENIED,
  ALREADY_REGISTERED: GrpcStatus.ALREADY_EXISTS,
  NOT_FOUND: GrpcStatus.NOT_FOUND,
  BAD_REQUEST: GrpcStatus.INVALID_ARGUMENT,
  REFUSED: GrpcStatus.FAILED_PRECONDITION,
  OVERLOADED: GrpcStatus.RESOURCE_EXHAUSTED,
  CORRUPT_STORE: GrpcStatus.INTERNAL,
  WRONG_PASSPHRASE: GrpcStatus.INTERNAL,
  UNAVAILABLE: GrpcStatus.UNAVAILABLE,
};

/** The other direction, for clients. */
export function faultOf(code: number): CaFault {
  const known = Object.entries(CODES).find(([, each]) => each === code)?.[0];
  return code === GrpcStatus.INTERNAL || known === undefined ? "UNAVAILABLE" : (known as CaFault);
}

const BLOCKS_NEEDED = "hansa.governance.BlocksNeeded";

function detailsOf(error: CaError): Uint8Array[] {
  if (!(error instanceof BlocksNeededError)) return [];
  const firstSequenceNo = toLong(error.firstSequenceNo);
  return [packAny(BLOCKS_NEEDED, encode(hansa.governance.BlocksNeeded, { firstSequenceNo }))];
}

export function caHandlers(
  authority: CertificateAuthority,
  governance: GovernanceDesk,
  clock: Clock,
  logger: Logger,
): Required<Handlers<typeof services.HansaCa>> {
  const judge = new RequestJudge(authority, clock);

  const answer = async (method: string, action: () => Promise<Uint8Array> | Uint8Array): Promise<Uint8Array> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof WireError)
        throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message, [], { cause: error });
      if (!(error instanceof CaError)) throw error;
      logger.warn("request refused", { method, fault: error.fault, reason: error.message });
      throw new RpcStatus(CODES[error.fault], error.message, detailsOf(error), { cause: error });
    }
  };
  const signed =
    (method: string, action: (caller: RegisteredIdentity, request: Uint8Array) => Promise<Uint8Array>) =>
    (bytes: Uint8Array) =>
      answer(method, () => {
        const { caller, request } = judge.open(bytes, method);
        return action(caller, request);
      });
  const enrolled = (profile: string, certificatePem: string) =>
    encode(hansa.ca.EnrollResponse, {
      certificatePem,
      caCertificatePem: profile === "tls" ? authority.tlsCertificatePem : authority.certificatePem,
    });

  return {
    Info: () =>
      encode(hansa.ca.InfoResponse, {
        caName: authority.name,
        caCertificatePem: authority.certificatePem,
        tlsCaCertificatePem: authority.tlsCertificatePem,
        version: CA_VERSION,
      }),
    Enroll: (bytes) =>
      answer("Enroll", async () => {
        const { enrollmentId, secret, ask } = decode(hansa.ca.EnrollRequest, bytes, "hansa.ca.EnrollRequest");
        const wanted = readAsk(ask);
        const pem = await authority.enroll(enrollmentId, secret, wanted);
        logger.info("identity enrolled", { id: enrollmentId, profile: wanted.profile });
        return enrolled(wanted.profile, pem);
      }),
    EnrollMany: signed("EnrollMany", async (caller, bytes) => {
      const { items } = decode(hansa.ca.EnrollManyRequest, bytes, "hansa.ca.EnrollManyRequest");
      const wanted = items.map((item) => ({
        registration: readRegistration(item.registration),
        asks: (item.asks ?? []).map(readAsk),
      }));
      const pems = await authority.enrollMany(caller, wanted);
      logger.info("identities enrolled", { registrar: caller.id, count: wanted.length });
      return encode(hansa.ca.EnrollManyResponse, {
        items: wanted.map(({ registration }, index) => ({
          enrollmentId: registration.id,
          certificatePems: pems[index] ?? [],
        })),
      });
    }),
    Register: signed("Register", async (caller, bytes) => {
      const registration = readRegistration(decode(hansa.ca.RegisterRequest, bytes, "hansa.ca.RegisterRequest"));
      const secret = await authority.register(caller, registration);
      logger.info("identity registered", { id: registration.id, type: registration.type, registrar: caller.id });
      return encode(hansa.ca.RegisterResponse, { secret });
    }),
    Reenroll: signed("Reenroll", async (caller, bytes) => {
      const wanted = readAsk(decode(hansa.ca.ReenrollRequest, bytes, "hansa.ca.ReenrollRequest").ask);
      const pem = await authority.reenroll(caller, wanted);
      logger.info("identity enrolled again", { id: caller.id, profile: wanted.profile });
      return enrolled(wanted.profile, pem);
    }),
    Revoke: signed("Revoke", async (caller, bytes) => {
      const { enrollmentId, serialHex, reason } = decode(hansa.ca.RevokeRequest, bytes, "hansa.ca.RevokeRequest");
      const revoked = await authority.revoke(caller, { id: enrollmentId, serialHex, reason });
      logger.info("certificates revoked", { by: caller.id, id: enrollmentId, count: revoked.length });
      return encode(hansa.ca.RevokeResponse, { serialHex: revoked });
    }),
    GetCrl: signed("GetCrl", async (_caller, bytes) => {
      decode(hansa.ca.GetCrlRequest, bytes, "hansa.ca.GetCrlRequest");
      const { identityPem, tlsPem } = authority.revocationLists();
      return encode(hansa.ca.GetCrlResponse, { crlPem: identityPem, tlsCrlPem: tlsPem });
    }),
    GovernanceIdentity: signed("GovernanceIdentity", async (caller, bytes) => {
      const request = decode(
        hansa.governance.GovernanceIdentityRequest,
        bytes,
        "hansa.governance.GovernanceIdentityRequest",
      );
      const identity = await governance.identity(caller, request.mspId);
      return encode(hansa.governance.GovernanceIdentityResponse, { identity });
    }),
    SignGovernanceRecord: signed("SignGovernanceRecord", async (caller, bytes) => {
      const { record } = decode(hansa.governance.SignRecordRequest, bytes, "hansa.governance.SignRecordRequest");
      const signature = await governance.signRecord(caller, record);
      logger.info("governance record signed", { registrar: caller.id, recordBytes: record.length });
      return encode(hansa.governance.SignRecordResponse, { signature });
    }),
    SignEnactment: signed("SignEnactment", async (caller, bytes) => {
      const ask = decode(hansa.governance.SignEnactmentRequest, bytes, "hansa.governance.SignEnactmentRequest");
      const { blocks, enactmentId, channelId, configUpdate } = ask;
      const [firstSequenceNo, current] = [toNumber(ask.firstSequenceNo), ask.current ?? {}];
      const wanted = { firstSequenceNo, blocks, enactmentId, channelId, current, configUpdate };
      const { signature, next } = await governance.signEnactment(caller, wanted);
      if (signature !== undefined) {
        logger.info("channel update signed", { registrar: caller.id, enactment: enactmentId, channel: channelId });
      }
      const answer = { nextSequenceNo: toLong(next), ...(signature && { signature }) };
      return encode(hansa.governance.SignEnactmentResponse, answer);
    }),
  };
}
