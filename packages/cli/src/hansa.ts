/** The program behind the hansa command, and behind the processes it starts. */
const [verb, kind, configFile] = process.argv.slice(2);

if (verb === "supervisor") {
  process.title = "hansa supervisor";
  const { nodeProgram, runSupervisor } = await import("@hansa/network");
  await runSupervisor(nodeProgram());
} else if (verb === "control-plane-process") {
  process.title = "hansa control-plane";
  const { runControlPlaneProcess } = await import("@hansa/network");
  await runControlPlaneProcess(process.argv[1]!);
} else if (verb === "node-process") {
  const { runNode } = await import("@hansa/network/node");
  await runNode(kind, configFile);
} else {
  // Amazon's clients say before each command which versions of Node they will want next year.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const { main } = await import("./main.js");
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  // A reader that closes the pipe early (hansa logs | head) is no error.
  process.stdout.on("error", () => process.exit(0));
  const io = { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd() };
  process.exitCode = await main(process.argv.slice(2), io, interrupt.signal);
  // Calls that were left as they stood would keep the process until they end.
  if (interrupt.signal.aborted) process.exit();
}

export {};
