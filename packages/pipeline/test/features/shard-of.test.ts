import { describe, expect, it } from 'vitest';
import { parseShardName, shardName, shardOf } from '../../src/features/index.js';

const slurm = (id: number, more: Record<string, string> = {}) => ({
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_COUNT: '5',
  SLURM_ARRAY_TASK_MIN: '0',
  SLURM_ARRAY_TASK_STEP: '1',
  ...more,
});

describe('shardOf', () => {
  it('is nothing where nobody asks for a part', () => {
    expect(shardOf({}, {})).toBeUndefined();
    expect(shardOf({}, { SLURM_ARRAY_TASK_ID: '3' })).toBeUndefined(); // and no count
    expect(shardOf({ shard: '0/1' }, slurm(3))).toBeUndefined();
    expect(shardOf({}, slurm(0, { SLURM_ARRAY_TASK_COUNT: '1' }))).toBeUndefined();
  });

  it('follows the option before the environment', () => {
    expect(shardOf({ shard: '3/16' }, slurm(1))).toEqual({ index: 3, count: 16, source: '--shard 3/16' });
  });

  it.each([
    [slurm(4), 4],
    [slurm(1, { SLURM_ARRAY_TASK_MIN: '1' }), 0],
    [slurm(13, { SLURM_ARRAY_TASK_MIN: '4', SLURM_ARRAY_TASK_STEP: '3' }), 3],
  ])('numbers the tasks of a Slurm array from 0', (env, index) => {
    expect(shardOf({}, env)).toMatchObject({ index, count: 5 });
  });

  it('takes the count of a Kubernetes job from the option or JOB_COMPLETIONS', () => {
    expect(shardOf({ shards: 7 }, { JOB_COMPLETION_INDEX: '6' })).toMatchObject({ index: 6, count: 7 });
    expect(shardOf({}, { JOB_COMPLETION_INDEX: '2', JOB_COMPLETIONS: '3' })).toMatchObject({ index: 2, count: 3 });
  });

  it.each([
    [{ shard: '16/16' }, {}, 'i from 0 to n - 1'],
    [{ shard: '1' }, {}, 'expected i/n'],
    [{ shard: '1/2', shards: 3 }, {}, '--shards 2, or none, got 3'],
    [{ shards: 3 }, {}, 'SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, got neither'],
    [{}, { JOB_COMPLETION_INDEX: '0' }, "expected the job's completions in --shards or JOB_COMPLETIONS"],
    [{}, { JOB_COMPLETION_INDEX: '3', JOB_COMPLETIONS: '3' }, 'expected a shard from 0 to 2, got 3'],
    [{}, slurm(8), 'expected a shard from 0 to 4, got 8'],
    [{}, slurm(2, { SLURM_ARRAY_TASK_STEP: '4' }), 'expected a shard from 0 to 4, got 0.5'],
  ])('refuses %j with %j', (options, env, message) => {
    expect(() => shardOf(options, env as Record<string, string>)).toThrow(message);
  });
});

it('names folders so that they sort', () => {
  expect(shardName({ index: 3, count: 16 })).toBe('0003-of-0016');
  expect(parseShardName('0003-of-0016')).toEqual({ index: 3, count: 16 });
  for (const name of ['0016-of-0016', '3-of-16', 'x']) expect(parseShardName(name)).toBeUndefined();
});
