export { Explainer, type ExplainSource, type Reader } from "./explain.js";
export * from "./explanation.js";
export { describeMembers } from "./members.js";
export { explanationText, findingLines, reasonText } from "./text.js";
