import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folder, heldOut, removeRuns, run, runPlain, stage, trainRuns, zipOf } from './trained.js';

beforeAll(trainRuns);
afterAll(removeRuns);

describe('wbdc index and wbdc search', () => {
  interface Found {
    readonly hits: { id: string; title: string; score: number; tags: string[]; ranks: Record<string, unknown> }[];
  }
  const found = async (...args: string[]): Promise<Found> => JSON.parse((await run(...args, '--json')).out) as Found;
  const stats = async () => JSON.parse((await runPlain('index', 'stats', '--in', 'idx', '--json')).out) as object;

  it('adds, finds by words, by a video and by both, removes and compacts', async () => {
    const titles = ['一只黑猫在雨中', '红色的车', '白猫', '蓝色的车', '狗'];
    const rows = heldOut.map(({ id }, i) => `${id},${titles[i]},${i % 2 ? '车' : '宠物/猫'},"热门;第${i}"`);
    await writeFile(join(folder, 'idx.csv'), `id,title,category,tags\n${rows.join('\n')}\n`);
    const added = await run('index', 'add', 'data/zip_frames/test_a', '-t', 'idx.csv', '--name', 'sim', '--in', 'idx');
    expect(added).toMatchObject({ code: 0, out: 'index    idx: 5 videos added, 0 renewed\n' });
    expect(await stats()).toMatchObject({
      videos: 5,
      models: [{ name: 'video', width: 4, vectors: 5, search: 'exact' }],
    });
    const again = await run('index', 'add', zipOf(0), '-t', 'idx.csv', '--name', 'sim', '--in', 'idx');
    expect(again.out).toContain('0 videos added, 1 renewed');

    const words = await runPlain('search', '雨中的猫', '--in', 'idx');
    expect(words.out).toMatch(new RegExp(`^\\d+\\.\\d{4}  ${heldOut[0].id}  一只黑猫在雨中\n`));
    expect((await runPlain('search', '飞机', '--in', 'idx')).out).toBe('nothing was found\n');
    const near = await found('index', 'search', '--video', zipOf(2), '-t', 'idx.csv', '--name', 'sim', '--in', 'idx');
    expect(near.hits.find(({ id }) => id === heldOut[2].id)!.score).toBeCloseTo(1, 5);
    const both = await found('search', '猫', '--name', 'sim', '--in', 'idx', '--tag', '热门', '--category', '猫');
    expect(both.hits.map(({ id }) => id).sort()).toEqual([heldOut[0].id, heldOut[2].id, heldOut[4].id]);
    expect(both.hits[0]).toMatchObject({ ranks: { words: {}, video: {} } });
    const like = await found('search', '--like', heldOut[1].id, '--in', 'idx', '--top', '4');
    expect(like.hits).toHaveLength(4);
    expect(like.hits.map(({ id }) => id)).not.toContain(heldOut[1].id);

    const removed = await runPlain('index', 'remove', heldOut[1].id, 'nobody', '--in', 'idx');
    expect(removed.out).toBe('removed  1 video; 1 were not there\n');
    expect((await runPlain('index', 'compact', '--in', 'idx')).out).toMatch(/size {5}.* now /);
    expect(await stats()).toMatchObject({ videos: 4 });
  });

  it('says what is wrong with what it is given', async () => {
    const error = async (...args: string[]): Promise<string> => (await runPlain(...args)).err;
    expect(await error('search', '猫')).toContain("required option '-i, --in <index>'");
    expect(await error('search', '--in', 'idx')).toContain('expected words, --video <path> or --like <id>');
    expect(await error('search', '猫', '--in', 'nowhere')).toMatch(/nowhere: expected an index of videos, got none/);
    expect(await error('search', '猫', '--in', 'data')).toMatch(/data: expected an index of videos, got a folder with/);
    expect(await error('search', '猫', '--in', 'idx', '--after', 'soon')).toContain('--after: expected a time such as');
    expect(await error('search', '--like', 'x', '--in', 'idx')).toContain('--like x: the index has no vector');
    expect((await run('search', '猫', '--in', 'idx', '--name', 'base')).err).toContain('a model that makes embeddings');
    await stage(
      'finetune',
      '--name',
      'sim2',
      '--set',
      'run.base=base',
      '--set',
      'finetune.kind=similarity',
      '--set',
      'finetune.width=4',
      '--set',
      'finetune.share=0',
      '--set',
      'finetune.pairs={train: pairs.tsv}',
      '--set',
      'seed=5',
    );
    const other = await run('index', 'add', zipOf(0), '--name', 'sim2', '--in', 'idx');
    expect(other.err).toMatch(/expected vectors 'video' of the model .* got those of/);
    expect(await stats()).toMatchObject({ videos: 4 });
  });
});
