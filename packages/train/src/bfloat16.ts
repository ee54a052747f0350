import type { Communicator } from '@wbdc/distributed';

/**
 * Replaces data by their sum over all processes, sent as bfloat16: every process adds up one block, in float32 and in
 * the order of the ranks, and gives it to all. Half the bytes of a sum in float32; what each process sends, and the
 * result, are rounded once (to the nearest, ties to even).
 */
export function bfloat16Sum(communicator: Communicator, data: Float32Array): void {
  const { size, blocking } = communicator;
  const block = Math.ceil(data.length / size);
  const padded = new Float32Array(block * size);
  padded.set(data);
  const received = blocking.allToAll(narrowed(padded)); // this block of every rank, one after another
  const sums = new Float32Array(block);
  for (let rank = 0; rank < size; rank++) {
    const part = widened(received.subarray(rank * block, (rank + 1) * block));
    for (let i = 0; i < block; i++) sums[i] += part[i];
  }
  data.set(widened(blocking.allGather(narrowed(sums))).subarray(0, data.length));
}

/** The upper halves of float32, rounded. NaN stays NaN. */
export function narrowed(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    halves[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

export function widened(halves: Uint16Array): Float32Array {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i] << 16;
  return new Float32Array(words.buffer);
}
