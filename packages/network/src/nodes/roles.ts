import type { RoleKind } from "../plan/plan.js";
import type { Role } from "./role.js";

/** Loads the code of one role only: a CA's process never reads a peer's code. */
export async function loadRole(kind: RoleKind): Promise<Role> {
  switch (kind) {
    case "ca":
      return (await import("./ca-role.js")).caRole;
    case "orderer":
      return (await import("./orderer-role.js")).ordererRole;
    case "peer":
      return (await import("./peer-role.js")).peerRole;
  }
}
