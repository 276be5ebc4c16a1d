export { changedCollections, collectionBlockToLive } from "./collections.js";
export { PolicyEvaluator } from "./policy-evaluator.js";
export { signaturesIn } from "./signatures.js";
export { type BlockContext, BlockValidator, type BlockVerdicts } from "./validate-block.js";
