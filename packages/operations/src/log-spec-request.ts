/**
 * The body of PUT /logspec, read as Go reads it: its first JSON value, whatever follows.
 * Source: hyperledger/fabric-lib-go, common/flogging/httpadmin/spec.go; the refusals are Go's.
 */

/** @throws Error with the text of the answer */
export function readSpec(body: string): string {
  const text = body.trimStart();
  if (text === "") throw new Error("EOF");
  const value = firstValue(text);
  if (value === null) return "";
  if (Array.isArray(value)) throw new Error("json: cannot unmarshal array into Go value of type httpadmin.LogSpec");
  if (typeof value !== "object")
    throw new Error(`json: cannot unmarshal ${goKind(value)} into Go value of type httpadmin.LogSpec`);
  const key = Object.keys(value).find((name) => name.toLowerCase() === "spec");
  const spec = key === undefined ? "" : ((value as Record<string, unknown>)[key] ?? "");
  if (typeof spec !== "string")
    throw new Error(`json: cannot unmarshal ${goKind(spec)} into Go struct field LogSpec.spec of type string`);
  return spec;
}

function firstValue(text: string): unknown {
  const [first = ""] = text;
  if (!'{["-0123456789tfn'.includes(first))
    throw new Error(`invalid character '${first}' looking for beginning of value`);
  const whole = parsed(text);
  if (whole !== undefined) return whole.value;
  // A value with something behind it. Only objects are of use, and they end with a brace.
  for (let end = text.indexOf("}"), tries = 0; end >= 0 && tries < 100; end = text.indexOf("}", end + 1), tries++) {
    const part = parsed(text.slice(0, end + 1));
    if (part !== undefined) return part.value;
  }
  throw new Error("unexpected EOF");
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
