export type {
  BackgroundCollectives,
  Begun,
  BlockingCollectives,
  CollectiveOptions,
  Communicator,
  Elements,
  Reduction,
  Summable,
} from './communicator.js';
export { assertSame } from './same.js';
export { single } from './single.js';
export { RootError, fromRoot, gatherValues } from './texts.js';
