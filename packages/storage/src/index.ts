export { type FileBlockOptions, FileBlockStore } from "./blocks-file.js";
export { MemoryBlockStore } from "./blocks-memory.js";
export { FolderLock } from "./folder-lock.js";
export { type FileJournalOptions, FileJournalStore } from "./journal-file.js";
export { syncFolder, writeFileDurably } from "./journal-file-write.js";
export { MemoryJournalStore } from "./journal-memory.js";
export { type LevelStateOptions, LevelStateStore } from "./state-level.js";
export { MemoryStateStore } from "./state-memory.js";
