/** The packages on this peer as `_lifecycle` sees them: kept only once they build. */
import type { InstalledChaincode, InstalledChaincodes } from "@hansa/endorsement/chaincode";
import { HansaError, type Logger, messageOf } from "@hansa/primitives";
import type { PackageStore } from "./chaincode/package-store.js";
import type { ChaincodeRuntime } from "./chaincode/runtime.js";

export function installedChaincodes(
  packages: PackageStore,
  runtime: ChaincodeRuntime,
  logger: Logger,
): InstalledChaincodes {
  return {
    async install(bytes): Promise<InstalledChaincode> {
      const known = new Set(packages.list().map(({ packageId }) => packageId));
      const installed = await packages.install(bytes).catch((cause: unknown) => {
        const text = `could not parse as a chaincode install package: ${messageOf(cause)}`;
        throw new HansaError("CHAINCODE_PACKAGE_INVALID", text, { cause });
      });
      try {
        await runtime.build(installed.packageId);
      } catch (cause) {
        if (!known.has(installed.packageId)) await packages.remove(installed.packageId);
        throw new HansaError("CHAINCODE_BUILD_FAILED", `could not build chaincode: ${messageOf(cause)}`, { cause });
      }
      // It will be approved next; starting takes a third of a second that nobody has to wait for then.
      runtime
        .prepare(installed.packageId)
        .catch((error: unknown) =>
          logger.warn("chaincode not started", { packageId: installed.packageId, reason: messageOf(error) }),
        );
      return { packageId: installed.packageId, label: installed.label };
    },
    get: (packageId) => packages.get(packageId),
    list: () => packages.list(),
    whenRunning: (packageId) => runtime.whenStarted(packageId),
    load: async (packageId) => (packages.get(packageId) === undefined ? undefined : packages.bytes(packageId)),
  };
}
