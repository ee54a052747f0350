export { buildDemoAiac } from './aiac.js';
export type { DemoAiacOptions, DemoAiacSummary } from './aiac.js';
export { buildDemo } from './build.js';
export type { DemoOptions } from './build.js';
export type { DemoProgress } from './frames.js';
export type { SourcePackage } from './sources.js';
export { DEMO_SPLITS } from './splits.js';
export type { DemoSplit } from './splits.js';
export type { DemoSummary, SplitSummary } from './summary.js';
