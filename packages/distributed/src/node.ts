export { launchedAs } from './launcher.js';
export type { Launched } from './launcher.js';
export { connect } from './mpi/connect.js';
export { runAsRanks, threadsOfRank } from './run-as-ranks.js';
export type { RanksProcess } from './run-as-ranks.js';
export { watchRanks } from './watch.js';
export type { Watch } from './watch.js';
