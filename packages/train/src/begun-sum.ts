import type { Communicator } from '@wbdc/distributed';
import { narrowed, widened } from './bfloat16.js';

/** A sum over all processes that goes on while this thread computes. */
export interface BegunSum {
  /** Lets it go on. */
  advance(): void;
  /** Does what is left to do between its messages; all processes call it for the same sums in the same order. */
  reduce(): void;
  /** Waits until the sum stands where the values stood. */
  finish(): void;
}

/** Begins to replace data by their sum. */
export function beginSum({ background }: Communicator, data: Float32Array): BegunSum {
  const { advance, finish } = background.allReduce(data);
  return { advance, reduce: () => undefined, finish };
}

/**
 * Begins to replace data by their sum, sent as bfloat16: every process adds up one block, in float32 and in the order
 * of the ranks, and gives it to all. Half the bytes of a sum in float32; what each process sends, and the result, are
 * rounded once (to the nearest, ties to even).
 */
export function beginBfloat16Sum({ background, size }: Communicator, data: Float32Array): BegunSum {
  const block = Math.ceil(data.length / size);
  const sent = new Uint16Array(block * size);
  narrowed(data, sent);
  const parts = background.allToAll(sent);
  let blocks: ReturnType<typeof background.allGather<Uint16Array>> | undefined;
  return {
    advance: () => void parts.advance(),
    reduce: () => {
      const received = parts.finish(); // this block of every rank, one after another
      const sums = new Float32Array(block);
      for (let rank = 0; rank < size; rank++) {
        const part = widened(received.subarray(rank * block, (rank + 1) * block));
        for (let i = 0; i < block; i++) sums[i] += part[i];
      }
      blocks = background.allGather(narrowed(sums));
    },
    finish: () => data.set(widened(blocks!.finish()).subarray(0, data.length)),
  };
}
