/**
 * The program behind every process of a network: `node-main.js node <ca|orderer|peer> [config.json]`, `supervisor` for
 * the one that keeps a network's nodes, `control-plane-process` for the API.
 */
const [verb, kind, configFile] = process.argv.slice(2);

if (verb === "supervisor") {
  process.title = "hansa supervisor";
  const { runSupervisor } = await import("./launch/supervisor.js");
  await runSupervisor(process.argv[1]!);
} else if (verb === "control-plane-process") {
  process.title = "hansa control-plane";
  const { runControlPlaneProcess } = await import("./operator/control-plane-process.js");
  await runControlPlaneProcess(process.argv[1]!);
} else {
  const { runNode } = await import("./nodes/node-process.js");
  await runNode(kind, configFile);
}

export {};
