export { SearchError } from './errors.js';
export type { SearchErrorCode } from './errors.js';
export type { Facet, IndexFacets } from './facets.js';
export type { IndexFilter } from './filter.js';
export { fuseRankings } from './fuse.js';
export type { Ranking } from './fuse.js';
export type { VectorStatistics } from './indices.js';
export type { IndexHit, IndexQuery } from './query.js';
export type { IndexedVideo, IndexModel, IndexRow, ModelVector } from './rows.js';
export { createMemoryIndex, loadMemoryIndex } from './memory.js';
export type { LoadMemoryIndexOptions, MemoryHit, MemoryIndex, MemoryIndexOptions, MemoryRow } from './memory.js';
export { mineHardNegatives } from './mine.js';
export type { HardNegatives, MinedPair, MineOptions } from './mine.js';
export { openIndex } from './video-index.js';
export type {
  AddOptions,
  AddResult,
  CompactOptions,
  IndexStatistics,
  OpenIndexOptions,
  VideoIndex,
} from './video-index.js';
export { wordsOfQuery, wordsOfText } from './words.js';
