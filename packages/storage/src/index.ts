export { type FileJournalOptions, FileJournalStore } from "./journal-file.js";
export { writeFileDurably } from "./journal-file-write.js";
export { MemoryJournalStore } from "./journal-memory.js";
