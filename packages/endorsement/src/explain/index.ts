export type { Cause, CauseName } from "./causes.js";
export { Explainer, type ExplainSource, type Reader } from "./explain.js";
export * from "./explanation.js";
export { type Difference, type EndorserAnswer, type Mismatch, mismatchOf, mismatchText } from "./mismatch.js";
export { type KnownPeer, missingPrivateAt, missingPrivateText, type PrivateOrigin } from "./missing-private.js";
export { explanationText, findingLines } from "./text.js";
