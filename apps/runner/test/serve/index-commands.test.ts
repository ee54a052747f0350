import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

describe('wbdc zero-shot', () => {
  const TEXTS = ['data/zip_frames/test_a', '-t', 'truth.csv'];
  const RATES = ['text', 'vision', 'new'].flatMap((name) => ['--set', `clip.learningRates.${name}=0.03`]);

  it('labels videos with words by the towers that learned from other titles, and finds them by words', async () => {
    await stage('clip', '--name', 'words', '--set', 'run.base=base', '--set', 'clip.epochs=60', ...RATES);
    const rows = heldOut.map(({ id, title }) => `${id},${title},${title},${title}叫`);
    await writeFile(join(folder, 'truth.csv'), `id,title,category,ocr\n${rows.join('\n')}\n`);
    const labelled = await run('zero-shot', ...TEXTS, '--labels', '车，猫', '--name', 'words', '--top', '1', '--json');
    expect(labelled.code).toBe(0);
    const { videos, labels, titles } = JSON.parse(labelled.out) as {
      videos: { id: string; labels: { label: string; probability: number }[] }[];
      labels: Record<string, number>;
      titles: Record<string, number>;
    };
    expect(videos.map((video) => [video.id, video.labels[0].label])).toEqual(
      heldOut.map(({ id, title }) => [id, title]),
    );
    expect(videos.every((video) => video.labels.length === 1 && video.labels[0].probability > 0.5)).toBe(true);
    expect(labels).toMatchObject({ count: 5, 'recall@1': 1, 'recall@1 baseline: chance': 0.5 });
    expect(labels['recall@1 baseline: characters']).toBe(1); // OCR gives the words away
    expect(titles).toMatchObject({ count: 5, 'recall@5': 1 });
    expect(labelled.err).toMatch(/labels {3}recall@1 1\.000 \(chance 0\.500, characters 1\.000\), recall@5 .*; of 5\n/);

    const out = ['--labels', '猫', '--labels', '车', '--prompt', '{}', '--out', 'labelled.jsonl'];
    expect((await run('zero-shot', zipOf(0), '--clip', 'runs/words', ...out)).code).toBe(0);
    expect((await run('zero-shot', ...TEXTS, '--clip', 'runs/words', ...out, '--resume')).err).toContain(
      'expected the texts',
    );
    // A share among some labels is none among others, nor in another sentence.
    for (const more of [
      ['--labels', '鱼'],
      ['--prompt', '有{}'],
    ]) {
      const mixed = await run('zero-shot', zipOf(0), '--clip', 'runs/words', ...out, '--resume', ...more);
      expect([mixed.code, mixed.err]).toEqual([
        1,
        expect.stringMatching(
          /labelled\.jsonl: expected lines about the same labels and sentences, got '\d+' about others/,
        ),
      ]);
    }
    expect((await run('zero-shot', zipOf(0), '--clip', 'runs/words', ...out, '--resume')).code).toBe(0);
    const other = await run('zero-shot', zipOf(1), '--clip', 'runs/base', ...out, '--resume');
    expect(other.err).toContain('labelled.jsonl: expected labels of the same model');

    const words = ['--clip', 'runs/words', '--in', 'words-idx', '--as', 'clip'];
    expect((await run('index', 'add', 'data/zip_frames/test_a', ...words)).code).toBe(0);
    const found = JSON.parse((await run('search', '车', ...words, '--top', '2', '--json')).out) as {
      hits: { id: string }[];
    };
    expect(found.hits.map(({ id }) => id).sort()).toEqual([heldOut[1].id, heldOut[3].id]);
  });

  it('says what is wrong with what it is given', async () => {
    const error = async (...args: string[]): Promise<string> => (await run('zero-shot', zipOf(0), ...args)).err;
    expect(await error('--clip', 'runs/base')).toContain("required option '--labels <list>'");
    expect(await error('--labels', '猫,,车', '--clip', 'runs/base')).toContain(
      'labels: expected at least one, none of them empty',
    );
    expect(await error('--labels', '猫', '--prompt', '视频', '--name', 'base')).toContain('a sentence with {}');
    expect(await error('--labels', '猫', '--clip', 'runs/base/finetune/model')).toContain("got a 'category' model");
    expect(await error('--labels', '猫', '--clip', 'nowhere')).toContain('expected a folder, or a model of the hub');
  });

  it('says where files of its tokenizer contradict each other, and so does every command that reads it', async () => {
    const clip = join(import.meta.dirname, '../../../../packages/pipeline/test/fixtures/0.1.0/clip');
    await cp(clip, join(folder, 'unlike'), { recursive: true });
    const config = { tokenizer_class: 'BertTokenizer', do_lower_case: false };
    await writeFile(join(folder, 'unlike/tokenizer_config.json'), JSON.stringify(config));
    const told = /^warning: \S*unlike: tokenizer\.json says lowercase true, .* do_lower_case false: the latter counts/m;
    const by = async (...args: string[]) => {
      const { code, err } = await run(...args, '--clip', 'unlike');
      expect(err).toMatch(told);
      expect(code).toBe(0);
    };
    await by('zero-shot', zipOf(0), '--labels', '猫,车');
    await by('index', 'add', zipOf(0), '--in', 'unlike-idx', '--as', 'clip');
    await by('search', '猫', '--in', 'unlike-idx', '--as', 'clip');
  });
});

describe('--ocr and --asr', () => {
  it('recognise texts by programs, once, and leave them empty where those fail', async () => {
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
    const script = join(folder, 'ocr.sh');
    await writeFile(script, '#!/bin/sh\necho "$#" >> "$0.log"; echo 车\n', { mode: 0o755 });
    const predict = ['predict', zipOf(0), zipOf(1), '--name', 'base', '--ocr-command', script, '--json'];
    const first = await run(...predict);
    expect([first.code, first.err.includes('without a text')]).toEqual([0, false]);
    const again = await run(...predict);
    expect(JSON.parse(again.out)).toEqual(JSON.parse(first.out));
    expect((await readFile(`${script}.log`, 'utf8')).split('\n')).toHaveLength(3); // twice, of two videos
    const without = await run('predict', zipOf(0), zipOf(1), '--name', 'base', '--json');
    expect(JSON.parse(without.out)).not.toEqual(JSON.parse(first.out));
    const failing = await run('predict', zipOf(0), '--name', 'base', '--ocr-command', 'exit 5;', '--json');
    expect([failing.code, failing.err]).toEqual([0, expect.stringContaining('no text by OCR: ')]);
    const needs = await run('predict', zipOf(0), '--name', 'base', '--asr');
    expect(needs.err).toContain('--asr: expected --asr-model <folder> or --asr-command <program> with it, got neither');
    vi.unstubAllEnvs();
  });
});
