import type { Begun, BlockingCollectives, Communicator, Elements } from './communicator.js';

/** A job of one process: nothing is sent, copied or waited for. */
export const single: Communicator = {
  rank: 0,
  size: 1,
  about: 'one process',
  blocking: collectives(),
  background: {
    allReduce: () => done(undefined),
    allGather: (part) => done(part),
    allToAll: (data) => done(data),
  },
  allReduce: async () => undefined,
  allGather: async (part) => part,
  allGatherParts: async (part) => [part],
  broadcast: async () => undefined,
  barrier: async () => undefined,
  close: async () => undefined,
  abort: () => undefined,
};

function done<T>(value: T): Begun<T> {
  return { advance: () => true, finish: () => value };
}

function collectives(): BlockingCollectives {
  return {
    allReduce: () => undefined,
    allGather: <T extends Elements>(part: T): T => part,
    allGatherParts: <T extends Elements>(part: T): T[] => [part],
    broadcast: () => undefined,
    allToAll: <T extends Elements>(data: T): T => data,
    barrier: () => undefined,
  };
}
