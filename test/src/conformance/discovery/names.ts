export const CHANNEL = "trade";
/** Both members must endorse; has private data collections, as has the next. */
export const BOTH = "both";
/** Either member's endorsement is enough. */
export const EITHER = "either";
