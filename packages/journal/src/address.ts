/** Where a block stands: in which strand, and at which place. The genesis block of a strand is number 0. */
export type BlockAddress = { readonly strandId: string; readonly sequenceNo: number };
