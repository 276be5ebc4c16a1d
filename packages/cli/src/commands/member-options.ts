/** The first administrator of a new member, as its authority registers it. */
import { HansaError } from "@hansa/primitives";
import type { OptionDefinition, Options } from "../options.js";

export const ADMIN_OPTIONS = {
  admin: { type: "string", value: "name", about: "its administrator at the member's authority; admin unless given" },
  password: {
    type: "string",
    value: "password",
    about: "the administrator's password, 8 to 32 characters with lower case, upper case and a digit",
  },
} as const satisfies Record<string, OptionDefinition>;

/** @throws HansaError USAGE */
export function adminOf(options: Options): { AdminUsername: string; AdminPassword: string } {
  const password = options.text("password");
  if (password === undefined)
    throw new HansaError("USAGE", "The member's administrator needs a password.", {
      nextStep: "Give --password, 8 to 32 characters with lower case, upper case and a digit.",
    });
  return { AdminUsername: options.text("admin") ?? "admin", AdminPassword: password };
}
