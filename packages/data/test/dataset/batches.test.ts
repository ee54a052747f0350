import { describe, expect, it } from 'vitest';
import { batchesOfEpoch, batchSchedule } from '../../src/index.js';

const lengths = Int32Array.from({ length: 1009 }, (_, i) => (i * 7919) % 211);
const plan = { lengths, batchSize: 13, seed: 5, bucketBatches: 7 };
const padding = (batches: number[][]): number =>
  batches.reduce((sum, batch) => {
    const longest = Math.max(...batch.map((i) => lengths[i]));
    return sum + batch.reduce((rest, i) => rest + longest - lengths[i], 0);
  }, 0);

describe('batchesOfEpoch', () => {
  it('gives every example once', () => {
    const batches = batchesOfEpoch({ ...plan, epoch: 0 });
    expect(batches.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 1009 }, (_, i) => i));
    expect(batches.filter((batch) => batch.length !== 13).map((batch) => batch.length)).toEqual([1009 % 13]);
  });

  it('drops the rest at random, not the longest', () => {
    const dropped = new Set<number>();
    for (let epoch = 0; epoch < 50; epoch++) {
      const batches = batchesOfEpoch({ ...plan, epoch, rest: 'drop' });
      expect(batches.every((batch) => batch.length === 13)).toBe(true);
      const seen = new Set(batches.flat());
      for (let i = 0; i < 1009; i++) if (!seen.has(i)) dropped.add(lengths[i]);
    }
    expect(dropped.size).toBeGreaterThan(100);
  });

  it('is a pure function of seed and epoch', () => {
    const key = (seed: number, epoch: number): string => JSON.stringify(batchesOfEpoch({ ...plan, seed, epoch }));
    expect(key(5, 1)).toBe(key(5, 1));
    expect(new Set([key(5, 0), key(5, 1), key(6, 0), key(6, 1)]).size).toBe(4);
  });

  it('goes through sections in turn, each shuffled in itself', () => {
    const sections = [500, 0, 400, 109];
    const batches = batchesOfEpoch({ ...plan, sections, epoch: 3, rest: 'drop' });
    expect(batches.map((batch) => batch.length)).toEqual(Array(38 + 30 + 8).fill(13)); // floors of 500, 400, 109 by 13
    const partOf = (i: number): number => (i < 500 ? 0 : i < 900 ? 2 : 3);
    expect(batches.map((batch) => [...new Set(batch.map(partOf))])).toEqual([
      ...Array(38).fill([0]),
      ...Array(30).fill([2]),
      ...Array(8).fill([3]),
    ]);
    expect(new Set(batches.flat()).size).toBe(76 * 13);
    expect(batchesOfEpoch({ ...plan, sections, epoch: 4, rest: 'drop' })).not.toEqual(batches);
    expect(batchSchedule({ ...plan, sections, rest: 'drop' }).batchesPerEpoch).toBe(76);
    expect(() => batchesOfEpoch({ ...plan, sections: [500, 500], epoch: 0 })).toThrow('500 + 500 = 1000');
  });

  it('puts like lengths together, and batches in random order', () => {
    const batches = batchesOfEpoch({ ...plan, epoch: 0 });
    const single = batchesOfEpoch({ ...plan, bucketBatches: 1, epoch: 0 });
    expect(padding(batches)).toBeLessThan(padding(single) / 4);
    const means = batches.map((batch) => batch.reduce((sum, i) => sum + lengths[i], 0) / batch.length);
    const rising = means.slice(1).filter((mean, i) => mean > means[i]).length;
    expect(rising / means.length).toBeGreaterThan(0.3);
    expect(rising / means.length).toBeLessThan(0.7);
  });
});

describe('batchSchedule', () => {
  it('goes through the epochs, from any step on', () => {
    const schedule = batchSchedule(plan);
    expect(schedule.batchesPerEpoch).toBe(78);
    const epochs = [0, 1, 2].flatMap((epoch) => batchesOfEpoch({ ...plan, epoch }));
    for (const step of [0, 77, 78, 233, 5]) expect(schedule.batchOfStep(step)).toEqual(epochs[step]);
    expect(schedule.epochOfStep(233)).toBe(2);
    expect(() => schedule.batchOfStep(-1)).toThrow(/expected a step from 0 on, got -1/);
  });

  it('refuses what gives no batch', () => {
    expect(() => batchSchedule({ ...plan, batchSize: 2000, rest: 'drop' })).toThrow(
      /one batch of 2000, got 1009 examples/,
    );
    expect(() => batchSchedule({ ...plan, batchSize: 0 })).toThrow(/batch size/);
  });
});
