import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rangeServer } from '../../../../tools/range-server.js';
import { CATEGORIES, folder, frames, heldOut, lines, removeRuns, run, stage, trainRuns, zipOf } from './trained.js';

beforeAll(trainRuns);
afterAll(removeRuns);

describe('wbdc tag', () => {
  const texts = ['--texts', 'data/annotations/test_a.json'];

  it('tells the tags that reach their thresholds, as finetuning did for the same videos', async () => {
    const tags = 'finetune.tags={head: fresh, loss: asl}';
    await stage('finetune', '--name', 'tagged', '--set', 'run.base=base', '--set', 'finetune.kind=tags', '--set', tags);
    const { code, out, err } = await run('tag', 'data/zip_frames/test_a', ...texts, '--name', 'tagged');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('5 videos') as string });
    const finetuned = lines(await readFile(join(folder, 'runs/tagged/finetune/tags.jsonl'), 'utf8'));
    const namesOf = (row: Record<string, unknown>) => (row['tags'] as { tag: string }[]).map(({ tag }) => tag);
    const got = lines(out);
    expect(got.map(({ id }) => id).sort()).toEqual(heldOut.map(({ id }) => id));
    for (const row of got) {
      expect(namesOf(row)).toEqual(namesOf(finetuned.find(({ id }) => id === row['id'])!));
      expect(row).toMatchObject({ model: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    }
    const scores = JSON.parse(await readFile(join(folder, 'runs/tagged/finetune/scores.json'), 'utf8')) as object;
    const baselines = { 'tag frequency': 0.5, 'character overlap': 1 }; // a title is its tag
    expect(scores).toMatchObject({ videos: 5, measured: { mAP: { baselines } } });
  });

  it('and other commands say which of them a model is for', async () => {
    const error = async (...args: string[]): Promise<string> => (await run(...args)).err;
    expect(await error('predict', zipOf(0), '--name', 'tagged')).toContain('got one that tells tags: ');
    expect(await error('predict', zipOf(0), '--name', 'tagged')).toContain("or use 'wbdc tag'");
    expect(await error('tag', zipOf(0), '--name', 'base')).toContain('expected a model that tells tags');
  });
});

describe('wbdc predict', () => {
  it('gives what finetuning gave for the same videos', async () => {
    const texts = ['--texts', 'data/annotations/test_a.json'];
    const { code, out, err } = await run('predict', 'data/zip_frames/test_a', ...texts, '--name', 'base');
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining('5 videos') as string });
    const expected = lines(await readFile(join(folder, 'runs/base/finetune/probabilities.jsonl'), 'utf8'));
    const got = lines(out);
    expect(got.map(({ id }) => id).sort()).toEqual(heldOut.map(({ id }) => id));
    for (const { id, category, top } of got) {
      const { probabilities } = expected.find((row) => row['id'] === id) as { probabilities: number[] };
      expect(category).toBe(CATEGORIES[probabilities[0] >= probabilities[1] ? 0 : 1]);
      for (const { category: one, probability } of top as { category: string; probability: number }[]) {
        expect(probability).toBeCloseTo(probabilities[CATEGORIES.indexOf(one)], 3); // stored features are float16
      }
    }
  });

  it('favours rare categories where the model was finetuned so', async () => {
    await stage('finetune', '--name', 'rare', '--set', 'run.base=base', '--set', 'finetune.rareClass=10');
    const texts = ['--texts', 'data/annotations/test_a.json'];
    const predict = async (name: string) =>
      lines((await run('predict', 'data/zip_frames/test_a', ...texts, '--name', name)).out);
    const plain = await predict('base');
    expect(await predict('rare')).toEqual(plain); // both have four videos
    const path = join(folder, 'runs/rare/finetune/model/config.json');
    const saved = JSON.parse(await readFile(path, 'utf8')) as object;
    expect(saved).toMatchObject({ rareClass: { strength: 10, counts: [4, 4] } });
    await writeFile(path, JSON.stringify({ ...saved, rareClass: { strength: 1e6, counts: [1, 1e6] } }));
    const rare = await predict('rare');
    expect(new Set(rare.map(({ category }) => category))).toEqual(new Set(['0100']));
    for (const [i, { probability }] of rare.entries()) {
      const top = plain[i]['top'] as { category: string; probability: number }[];
      expect(probability).toBeCloseTo(top.find(({ category }) => category === '0100')!.probability, 5);
    }
  });

  it('takes a folder of pictures with --title, and names categories', async () => {
    const video = join(folder, 'red');
    await mkdir(video);
    for (const { name, bytes } of await frames(0)) await writeFile(join(video, name), bytes);
    const { out } = await run(
      'predict',
      'red',
      '--title',
      '猫',
      '--ocr',
      'x',
      '--asr',
      '叫',
      '--name',
      'base',
      '--json',
    );
    const { videos } = JSON.parse(out) as { videos: Record<string, unknown>[] };
    expect(videos).toHaveLength(1);
    expect(videos[0]).toMatchObject({ id: 'red', path: video });
    const named = { '0100': '动物 / 哺乳', '0203': '交通' };
    const top = videos[0]['top'] as { category: keyof typeof named; name: string; probability: number }[];
    for (const { category, name } of top) expect(name).toBe(named[category]);
    expect(top[0].probability + top[1].probability).toBeCloseTo(1, 4);
  });

  it('takes addresses: the rows of local files, bytes fetched once, and no signature told', async () => {
    await using server = await rangeServer();
    for (const i of [0, 1]) server.put(`clips/${i}.zip`, await readFile(zipOf(i)));
    const addresses = [0, 1, 2].map((i) => `${server.url}/clips/${i}.zip?sig=secret`);
    const args = ['--name', 'base', '--set', 'data.remote.cache=cache'];
    const served = await run('predict', ...addresses, ...args, '--out', 'far.jsonl');
    expect([served.code, served.err]).toEqual([
      0,
      expect.stringMatching(/warning: http:.*clips\/2\.zip: expected a file, got 404/),
    ]);
    const text = await readFile(join(folder, 'far.jsonl'), 'utf8');
    expect(text + served.err).not.toContain('secret');
    const local = lines((await run('predict', zipOf(0), zipOf(1), ...args)).out);
    for (const [i, row] of lines(text).entries()) {
      const named = { id: String(i), path: `${server.url}/clips/${i}.zip` };
      expect(row).toEqual({ ...local[i], ...named, input: row['input'] });
    }
    const asked = server.asked.length;
    const embedded = await run('embed', addresses[0], '--name', 'sim', '--set', 'data.remote.cache=cache');
    expect(lines(embedded.out)).toMatchObject([{ id: '0' }]);
    expect(server.asked.slice(asked).every((range) => range.endsWith(' 0-0'))).toBe(true);
    server.put('clips/0.zip', await readFile(zipOf(1)));
    const changed = await run('predict', ...addresses, ...args, '--out', 'far.jsonl', '--resume');
    expect([changed.code, changed.err]).toEqual([1, expect.stringContaining("'0': expected the texts and the video")]);
  });

  it('leaves out what it cannot read, adds to a file, and does not replace one unasked', async () => {
    await mkdir(join(folder, 'mixed'));
    await writeFile(join(folder, 'mixed/a.zip'), await readFile(zipOf(0)));
    await writeFile(join(folder, 'mixed/b.zip'), 'PK no');
    const args = ['predict', 'mixed', '--name', 'base', '--out', 'out.jsonl'];
    const first = await run(...args);
    expect([first.code, first.err]).toEqual([0, expect.stringMatching(/warning: .*b\.zip/)]);
    expect(first.err).toContain('no texts given');
    await writeFile(join(folder, 'mixed/c.zip'), await readFile(zipOf(1)));
    expect((await run(...args)).err).toContain('--resume adds what is missing');
    await writeFile(join(folder, 'out.jsonl'), `${await readFile(join(folder, 'out.jsonl'), 'utf8')}{"id":"c","ca`);
    await run(...args, '--resume');
    expect(lines(await readFile(join(folder, 'out.jsonl'), 'utf8')).map(({ id }) => id)).toEqual(['a', 'c']);
    expect((await run('predict', 'mixed/b.zip', '--name', 'base')).err).toContain('the video could not be read');
    expect((await run(...args, '--resume')).code).toBe(0); // nothing to add, and the same to tell as at first
    await writeFile(join(folder, 'mixed.csv'), 'id,title\nc,红色的车\n');
    const retold = await run(...args, '--resume', '--texts', 'mixed.csv');
    expect([retold.code, retold.err]).toEqual([
      1,
      expect.stringContaining("'c': expected the texts and the video that its line in --out was made from, got others"),
    ]);
  });

  it('says what is wrong with what it is given', async () => {
    const error = async (...args: string[]): Promise<string> => (await run('predict', ...args)).err;
    const base = ['--name', 'base'];
    expect(await error('no.mp4', ...base)).toMatch(/no\.mp4: expected a video, a zip or a folder, found nothing/);
    expect(await error(zipOf(0), '--name', 'other')).toMatch(
      /runs\/other: expected a trained model: .* got none: run 'npx wbdc finetune' first/,
    );
    expect(await error(zipOf(0), '--name', 'sim')).toMatch(
      /expected a model that predicts categories .* got one that makes embeddings/,
    );
    expect(await error(zipOf(0), '--checkpoint', 'runs/base/clip')).toMatch(
      /config\.json: expected a checkpoint of the finetune stage, got one of a 'clip' model/,
    );
    await cp(join(folder, 'runs/base/finetune/model'), join(folder, 'cut'), { recursive: true });
    await rm(join(folder, 'cut/model.safetensors'));
    expect(await error(zipOf(0), '--checkpoint', 'cut')).toMatch(
      /cut\/model\.safetensors: no such file or folder: check the path/,
    );
    await writeFile(join(folder, 'cut/model.safetensors'), 'cut');
    expect(await error(zipOf(0), '--checkpoint', 'cut')).toMatch(
      /cut\/model\.safetensors: expected at least 8 bytes, got 3: the file is cut/,
    );
    const model = join(folder, 'cut');
    await cp(join(folder, 'runs/base/finetune/model'), model, { recursive: true });
    const served = ['--checkpoint', 'cut', '--tower', 'runs/base/clip'];
    for (const names of ['{', '[]', '{"0100":{"x":1}}']) {
      await writeFile(join(model, 'categories.json'), names);
      expect(await error(zipOf(0), ...served)).toMatch(/cut\/categories\.json: expected the names of categories/);
    }
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as object;
    await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, classes: ['0100'] }));
    expect(await error(zipOf(0), ...served)).toMatch(
      /cut\/config\.json: expected 2 classes, as many as outputs, got 1/,
    );
    expect(await error(zipOf(0), '--out', 'no/x.jsonl', ...base)).toMatch(
      /no\/x\.jsonl: expected a folder to write to, got none/,
    );
    await mkdir(join(folder, 'runs/all/finetune/fold-0/checkpoints/step-00000001'), { recursive: true });
    expect(await error(zipOf(0), '--checkpoint', 'runs/all')).toMatch(
      /runs\/all: expected a trained model: .*, got none/,
    );
    await writeFile(join(folder, 'runs/all/finetune/fold-0/checkpoints/step-00000001/state.json'), '{}');
    expect(await error(zipOf(0), '--name', 'all')).toMatch(
      /expected one model, got one per fold: choose with --checkpoint .*fold-0/,
    );
    expect(await error(zipOf(0), '--resume', ...base)).toContain('--resume: expected --out <file> with it');
    expect(await error(zipOf(0), '--out', 'x', '--resume', '--overwrite', ...base)).toContain('give one of them');
    expect(await error(zipOf(0), zipOf(1), '--title', 'x', ...base)).toContain(
      '--title, --ocr and --asr are for one video, got 2 videos',
    );
    expect(await error(zipOf(0), zipOf(0), ...base)).toContain('expected every name once');
    expect(await error(zipOf(0), '--column', 'title=x', ...base)).toContain('say how --texts <file> is read, got none');
    expect(await error(zipOf(0), '--texts', 'data', ...base)).toMatch(/data: expected a file with texts, got a folder/);
    await writeFile(join(folder, 'bad.tsv'), 'name\ttitle\nx\ty\n');
    expect(await error(zipOf(0), '--texts', 'bad.tsv', ...base)).toContain('expected a column that names the videos');
    await writeFile(join(folder, 'named.csv'), `clipname,words\n${heldOut[0].id}.zip,猫\n`);
    const named = ['--texts', 'named.csv', '--column', 'video=clipname', '--column', 'title=words'];
    expect((await run('predict', zipOf(0), ...named, ...base)).err).not.toContain('without a text');
    await writeFile(
      join(folder, 'gb.csv'),
      Buffer.concat([Buffer.from(`id|title\n${heldOut[0].id}|`), Buffer.from([0xb3, 0xb5]), Buffer.from('\n')]),
    );
    expect(await error(zipOf(0), '--texts', 'gb.csv', ...base)).toContain('--encoding gb18030');
    expect(
      (await run('predict', zipOf(0), '-t', 'gb.csv', '--encoding', 'gb18030', '--separator', '|', ...base)).code,
    ).toBe(0);
    await writeFile(join(folder, 'other.jsonl'), '{"id":"x","title":"y"}\n');
    expect(await error(zipOf(0), '--texts', 'other.jsonl', ...base)).toContain("got only others ('x')");
  });

  it('refuses a tower of other features', async () => {
    await stage('clip', '--name', 'base2', '--set', 'run.base=base', '--set', 'seed=7');
    const { err } = await run('predict', zipOf(0), '--name', 'base', '--tower', 'runs/base2/clip');
    expect(err).toMatch(/expected the vision tower whose features the model learned from, got another:\n {2}weights/);
  });
});

describe('wbdc embed and wbdc similar', () => {
  it('find a video in its own collection, then the others', async () => {
    const model = ['--name', 'sim', '--texts', 'data/annotations/test_a.json'];
    const { out } = await run('embed', 'data/zip_frames/test_a', ...model, '--out', 'all.jsonl', '--json');
    expect(JSON.parse(out)).toMatchObject({ count: 5, skipped: [] });
    for (const { embedding } of lines(await readFile(join(folder, 'all.jsonl'), 'utf8')) as { embedding: number[] }[]) {
      expect(embedding.reduce((sum, value) => sum + value ** 2, 0)).toBeCloseTo(1, 4);
    }
    const found = await run('similar', zipOf(2), ...model, '--among', 'all.jsonl', '--json');
    const [{ neighbours }] = (JSON.parse(found.out) as { videos: [{ neighbours: { id: string; score: number }[] }] })
      .videos;
    const own = neighbours.find(({ id }) => id === heldOut[2].id);
    expect(own?.score).toBeCloseTo(1, 4);
    expect(neighbours[0].score).toBeCloseTo(own!.score, 4); // two videos may look the same to so small a model
    expect(neighbours.map(({ score }) => score)).toEqual(
      [...neighbours.map(({ score }) => score)].sort((a, b) => b - a),
    );
    const shown = await run('similar', zipOf(2), ...model, '--among', 'all.jsonl', '--top', '1');
    expect(shown.out).toMatch(new RegExp(`^${heldOut[2].id}:\n {2}1\\.0000 {2}20+`));
  });

  it('refuse embeddings of another model and a model without the head', async () => {
    await writeFile(join(folder, 'foreign.jsonl'), '{"id":"a","model":"0123","embedding":[1,0,0,0]}\n');
    const { err } = await run('similar', zipOf(0), '--name', 'sim', '--among', 'foreign.jsonl');
    expect(err).toMatch(/foreign\.jsonl: line 1: expected embeddings of the same model .* got those of 0123/);
    const added = await run('embed', zipOf(0), '--name', 'sim', '--out', 'foreign.jsonl', '--resume');
    expect(added.err).toMatch(/foreign\.jsonl: expected embeddings of the same model .*, got 'a' of 0123/);
    expect((await run('similar', zipOf(0), '--name', 'sim', '--among', 'data')).err).toMatch(
      /expected a file, got a folder \(.*data\)/,
    );
    await run('embed', zipOf(0), '--name', 'sim', '--out', 'lines.csv'); // lines, whatever the name
    expect((await run('embed', zipOf(0), '--name', 'sim', '--out', 'lines.csv', '--resume')).err).toContain(
      '1 done before',
    );
    expect((await run('similar', zipOf(0), '--name', 'sim', '--among', 'lines.csv')).code).toBe(0);
    const [line] = lines((await run('embed', zipOf(0), '--name', 'sim')).out) as { embedding: number[] }[];
    await writeFile(join(folder, 'cut.jsonl'), JSON.stringify({ ...line, embedding: line.embedding.slice(1) }));
    const cut = await run('similar', zipOf(0), '--name', 'sim', '--among', 'cut.jsonl');
    expect(cut.err).toMatch(/cut\.jsonl: line 1: expected 4 values, got 3/);
    expect((await run('embed', zipOf(0), '--name', 'base')).err).toContain("or use 'wbdc predict'");
  });
});
