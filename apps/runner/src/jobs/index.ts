/** `@wbdc/runner/jobs`: a command line in a process of its own, and what it tells its parent. */
export { childStarter, WBDC_PROGRAM } from './child.js';
export type { ChildOptions, StartChild } from './child.js';
export type { JobMessage, OutcomeMessage, ProgressMessage } from '../core/messages.js';
export { MESSAGES_VARIABLE, parseJobMessage } from '../core/messages.js';
