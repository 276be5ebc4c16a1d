export { MemoryBlockStore } from "./blocks-memory.js";
export { type FileJournalOptions, FileJournalStore } from "./journal-file.js";
export { writeFileDurably } from "./journal-file-write.js";
export { MemoryJournalStore } from "./journal-memory.js";
export { MemoryStateStore } from "./state-memory.js";
