import type { Command } from "./command.js";
import { connection } from "./commands/connection.js";
import { deploy } from "./commands/deploy.js";
import { down } from "./commands/down.js";
import { enrol } from "./commands/enrol.js";
import { env } from "./commands/env.js";
import { logs } from "./commands/logs.js";
import { status } from "./commands/status.js";
import { invoke, query } from "./commands/transact.js";
import { up } from "./commands/up.js";

export const COMMANDS: readonly Command[] = [up, status, logs, down, deploy, invoke, query, enrol, env, connection];
