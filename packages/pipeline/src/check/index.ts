export { check } from './check.js';
export type { CheckItem, CheckRequest } from './check.js';
export { syntheticBatch, syntheticClipBatch, syntheticTokenizer } from './synthetic.js';
export { countClasses } from './count-classes.js';
