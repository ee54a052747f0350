/** `@wbdc/runner/jobs`: stages side by side, each in a process of its own. */
export { childStarter, WBDC_PROGRAM } from './child.js';
export type { ChildOptions, StartChild } from './child.js';
export type { JobMessage, OutcomeMessage, ProgressMessage } from '../core/messages.js';
export { runStageTasks, threadsFor } from './run-jobs.js';
export type { JobsOptions, SharedOptions, StageTask } from './run-jobs.js';
export type { Outcome } from './schedule.js';
