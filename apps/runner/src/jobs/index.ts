/** `@wbdc/runner/jobs`: `wbdc` in a process of its own, and what it tells its parent. */
export type { JobMessage, OutcomeMessage, ProgressMessage } from '../core/messages.js';
export { CHILD_VARIABLE, MESSAGES_VARIABLE, WBDC_PROGRAM } from './variables.js';
