export type { PreparedVideos } from './finish.js';
export type { StoredFrameSettings } from './frames.js';
export { DEFAULT_STORED_FRAMES, prepareVideos } from './prepare.js';
export type { PrepareVideosOptions } from './prepare.js';
export type { TextSources } from './read-texts.js';
export type { PreparedCounts, PrepareSummary } from './summary.js';
export type { Warning } from './warnings.js';
