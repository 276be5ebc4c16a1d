/**
 * What a peer says of a chaincode that does not come up, short: the peer adds all that the process printed, which is a
 * page of usage and stack for a contract that throws at its first line. The logs have the rest.
 */
export function whyNotRunning(reason: string): string {
  const [said = "", ...printed] = reason.trim().split("\n");
  const fact = said
    .replace(/^chaincode \S+:[0-9a-f]{64} /, "its process ")
    .replace(/^its process is not running(; .*)?$/, "it has not answered in the time it has to start")
    .replace(/[:.]$/, "");
  const lines = printed.map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.find((line) => /^(Uncaught )?[A-Za-z]*(Error|Exception)\b/.test(line)) ?? lines.at(-1);
  return error === undefined ? fact : `${fact}: ${error.split("; error in simulation: ")[0]!.replace(/\.$/, "")}`;
}
