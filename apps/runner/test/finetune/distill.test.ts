import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { makeWorld, type World } from './world.js';

let world: World;
beforeAll(async () => void (world = await makeWorld()));
afterAll(() => world.remove());

describe('a student', () => {
  it('learns from labelled and taught videos, of a teacher as the stage leaves it', async () => {
    const teacherStage = await world.context('teacher', ['finetune.predict=[unlabeled]']);
    await runFinetuneStage(teacherStage);
    const distill = 'finetune.distill={from: [run/teacher], weight: 2}';
    const stage = await world.context('taught', [distill]);
    world.said.length = 0;
    const { status, summary } = await runFinetuneStage(stage);
    expect(status).toBe('complete');
    expect(summary['labelled videos']).toBe(13);
    expect(world.said.join('')).toContain('training');
    expect(world.said.join('')).toContain('on 24 videos');
    const alone = await world.context('alone');
    await runFinetuneStage(alone);
    expect(await world.read(stage, 'probabilities.jsonl')).not.toBe(await world.read(alone, 'probabilities.jsonl'));
  });

  it('names settings that do not go together', async () => {
    await expect(world.context('x', ['finetune.distill={from: [a, b], weights: [1]}'])).rejects.toThrow(
      'expected one for each of finetune.distill.from (2), got 1',
    );
    const stage = await world.context('x', ['finetune.distill={from: [run/teacher], splits: [other]}']);
    await expect(runFinetuneStage(stage)).rejects.toThrow(
      "finetune.distill.splits: expected some of data.trainSplits (unlabeled, labeled), got 'other'",
    );
  });
});
