/** The next step for who was refused by a contract, or by the gateway on its behalf. */
export function whatHelps(reason: string, contract: string): string {
  if (/must call as init first/.test(reason))
    return `Make the first call with: hansa invoke ${contract} <function> [argument…] --init`;
  if (/no combination of peers can be derived/.test(reason))
    return "See which peers run with: hansa status; one that lost the contract has it again after: hansa contract deploy <folder>";
  return "Correct the arguments, or act as a member who may do this (--as).";
}
