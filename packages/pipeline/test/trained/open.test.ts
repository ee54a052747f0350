import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadClipVision, saveClipVision } from '@wbdc/clip-model/node';
import { clipVision } from '@wbdc/clip-model';
import { disposeTree, randomKey } from '@wbdc/nn';
import { loadParams } from '@wbdc/train/node';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHub, type FakeHub } from '../../../checkpoints/test/hub/server.js';
import { openTrained, type OpenTrainedOptions, type ModelBytes } from '../../src/index.node.js';
import { findModel, openTower, readSavedModel, saveTrained } from '../../src/node.js';
import { MODEL_FILES, OLD, TEXTS, TOWER, VIDEO, bytesOf, expectedLine, scratchFolder } from './fixtures.js';

let folder: string;
beforeAll(async () => void (folder = await scratchFolder()));

/** Embeds the fixture's video; the first values, rounded. */
async function embed(source: string | URL | ModelBytes, options: OpenTrainedOptions = {}): Promise<number[]> {
  await using model = await openTrained(source, options);
  const [{ embedding }] = await model.embed([{ video: VIDEO, ...TEXTS }]);
  return Array.from(embedding, (value) => Number(value.toPrecision(6)));
}
const { embedding: EXPECTED } = expectedLine<{ embedding: number[] }>('embed');

/** The tower as finetuning saves it: for transformers. */
async function saveTower(path: string): Promise<void> {
  const clip = await readSavedModel(TOWER);
  if (clip.kind !== 'clip') throw new Error('expected the CLIP');
  const params = clipVision(clip.vision).init(randomKey(0));
  await loadParams(join(TOWER, 'model.safetensors'), params, 'vision.');
  await saveClipVision(path, params, clip.vision);
  disposeTree(params);
}

it('an engine that nobody chose is told', async () => {
  const warnings: string[] = [];
  const open = () => openTrained(join(OLD, 'category'), { observer: { onWarning: (line) => warnings.push(line) } });
  await (await open()).close();
  expect(warnings).toEqual(["no engine was chosen with tf.setBackend: tfjs took 'cpu'"]);
  await tf.setBackend('cpu');
  await (await open()).close();
  expect(warnings).toHaveLength(1);
});

describe('findModel', () => {
  let run: string;
  let count = 0;
  beforeEach(() => void (run = join(folder, `run-${count++}`)));
  /** What a checkpoint is known by. */
  const put = async (...path: string[]): Promise<string> => {
    await mkdir(join(run, ...path), { recursive: true });
    await writeFile(join(run, ...path, 'state.json'), '{}');
    return join(run, ...path);
  };

  it('takes a checkpoint, a series, a stage and a run', async () => {
    const old = await put('pretrain', 'checkpoints', 'step-00000003');
    const pretrained = await put('pretrain', 'checkpoints', 'step-00000012');
    for (const path of [pretrained, join(run, 'pretrain', 'checkpoints'), join(run, 'pretrain'), run]) {
      expect(await findModel(path)).toBe(pretrained);
    }
    expect(await findModel(old)).toBe(old);
    const unfinished = await put('finetune', 'checkpoints', 'step-00000001');
    for (const path of [run, join(run, 'finetune')]) expect(await findModel(path)).toBe(unfinished);
    const finished = await put('finetune', 'model');
    for (const path of [run, join(run, 'finetune'), finished]) expect(await findModel(path)).toBe(finished);
    expect(await findModel(join(run, 'pretrain'))).toBe(pretrained);
  });

  it('takes a folder that somebody copied without its state', async () => {
    await mkdir(run);
    for (const name of ['config.json', 'model.safetensors']) await cp(join(OLD, 'category', name), join(run, name));
    expect(await findModel(run)).toBe(run);
  });

  it('says what is not there', async () => {
    await expect(findModel(run)).rejects.toMatchObject({ code: 'model-missing', where: run });
    await put('finetune', 'fold-0', 'checkpoints', 'step-00000001');
    await expect(findModel(run)).rejects.toMatchObject({ code: 'model-folds' });
    await expect(findModel(run)).rejects.toThrow(`choose one, such as ${join(run, 'finetune', 'fold-0')}`);
    expect(await findModel(join(run, 'finetune', 'fold-0'))).toContain('step-00000001');
  });
});

describe('a model in a folder', () => {
  it('brings its own tower', async () => {
    const path = join(folder, 'whole');
    await cp(join(OLD, 'similarity'), path, { recursive: true });
    await expect(embed(path)).rejects.toMatchObject({ code: 'tower-missing' });
    await saveTower(join(path, 'tower'));
    expect((await loadClipVision(join(path, 'tower'))).config.activation).toBe('quick');
    expect(await embed(path)).toEqual(EXPECTED);
    expect(await embed(pathToFileURL(path))).toEqual(EXPECTED);
    expect(await embed(join(OLD, 'similarity'), { tower: join(path, 'tower') })).toEqual(EXPECTED);
    expect(await embed(join(OLD, 'similarity'), { tower: pathToFileURL(join(path, 'tower')) })).toEqual(EXPECTED);
  });

  it('finds the tower that was finetuned beside it', async () => {
    const stage = join(folder, 'beside', 'finetune');
    await cp(join(OLD, 'similarity'), join(stage, 'model'), { recursive: true });
    await saveTower(join(stage, 'tower'));
    expect(await embed(join(folder, 'beside'))).toEqual(EXPECTED);
  });

  it('follows what its run read to the CLIP stage, or to a tower by name', async () => {
    const run = join(folder, 'chain');
    const stage = async (name: string, record: object): Promise<void> => {
      await mkdir(join(run, name), { recursive: true });
      await writeFile(join(run, name, 'stage.json'), JSON.stringify(record));
    };
    await cp(join(OLD, 'similarity'), join(run, 'finetune', 'model'), { recursive: true });
    await stage('finetune', { read: { features: '../base/features' } });
    await stage('base/features', { read: { clip: '../clip' }, settings: { features: { tower: null } } });
    await expect(embed(run)).rejects.toMatchObject({ code: 'tower-missing' });
    await cp(TOWER, join(run, 'base', 'clip', 'checkpoints', 'step-00000007'), { recursive: true });
    expect(await embed(run)).toEqual(EXPECTED);
    await rm(join(run, 'base', 'clip'), { recursive: true });
    await stage('base/features', { settings: { features: { tower: TOWER } } });
    expect(await embed(run)).toEqual(EXPECTED);
    await stage('base/features', { settings: { features: { tower: './nowhere' } } });
    await expect(embed(run)).rejects.toThrow(
      'tower: expected a folder, or a model of the hub such as openai/clip-vit-base-patch32, got ./nowhere',
    );
  });

  it('is saved by itself, with its tower, and opens anywhere', async () => {
    const [run, saved] = [join(folder, 'source'), join(folder, 'saved')];
    await cp(join(OLD, 'similarity'), join(run, 'finetune', 'model'), { recursive: true });
    await saveTower(join(run, 'finetune', 'tower'));
    const before = tf.memory().numTensors;
    await saveTrained(run, saved);
    await rm(run, { recursive: true });
    expect(await embed(saved)).toEqual(EXPECTED);
    expect(await embed(bytesOf(saved, [...MODEL_FILES, 'tower/config.json', 'tower/model.safetensors']))).toEqual(
      EXPECTED,
    );
    expect(JSON.parse(await readFile(join(saved, 'config.json'), 'utf8'))).toMatchObject({ version: 1 });
    const category = join(folder, 'saved-category');
    await saveTrained(join(OLD, 'category'), category, { tower: null });
    await using model = await openTrained(category);
    const [{ categories }] = await model.classify([{ features: [new Float32Array(8)] }], { top: 1 });
    expect(categories[0]).toHaveProperty('name'); // of categories.json
    await expect(saveTrained(join(OLD, 'category'), join(folder, 'x'))).rejects.toMatchObject({
      code: 'tower-missing',
    });
    await model.close();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused where it is broken, and says which file', async () => {
    const path = join(folder, 'broken');
    await cp(join(OLD, 'category'), path, { recursive: true });
    await writeFile(join(path, 'categories.json'), '{"0100": {"x": 1}}');
    await expect(openTrained(path)).rejects.toMatchObject({
      code: 'model-files',
      where: join(path, 'categories.json'),
    });
    await rm(join(path, 'categories.json'));
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as object;
    await writeFile(join(path, 'config.json'), '{');
    await expect(openTrained(path)).rejects.toThrow(`${path}/config.json: expected JSON, got something else`);
    await rm(join(path, 'config.json'));
    await expect(openTrained(path)).rejects.toThrow(`${path}/config.json: expected a trained model that reads videos`);
    await writeFile(join(path, 'config.json'), JSON.stringify(config));
    await rm(join(path, 'model.safetensors'));
    await expect(openTrained(path)).rejects.toThrow('model.safetensors');
    await cp(join(TOWER, 'model.safetensors'), join(path, 'model.safetensors'));
    await expect(openTrained(path)).rejects.toThrow(
      'model.safetensors: expected the weights of a video-text model, got none named encoder.bert.embeddings.word',
    );
    await expect(openTrained(TOWER)).rejects.toMatchObject({ code: 'model-foreign' });
  });

  it('leaves no tensor behind where it is refused', async () => {
    const path = join(folder, 'headless');
    await cp(join(OLD, 'category'), path, { recursive: true });
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as { head: object; classes: string[] };
    const less = { ...config, head: { ...config.head, outputs: 3 }, classes: config.classes.slice(0, 3) };
    await writeFile(join(path, 'config.json'), JSON.stringify(less));
    const before = tf.memory().numTensors;
    await expect(openTrained(path)).rejects.toThrow(/output/);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a model elsewhere', () => {
  const contents = (): Record<string, Uint8Array> => ({
    ...bytesOf(join(OLD, 'similarity'), MODEL_FILES),
    ...bytesOf(TOWER, ['config.json', 'model.safetensors'], 'tower/'),
  });

  it('opens from bytes', async () => {
    expect(await embed(contents())).toEqual(EXPECTED);
    const { 'tower/config.json': config, 'tower/model.safetensors': weights, ...model } = contents();
    expect(await embed(model, { tower: { 'config.json': config, 'model.safetensors': weights } })).toEqual(EXPECTED);
    await expect(embed(model)).rejects.toMatchObject({ code: 'tower-missing', where: 'memory/tower/config.json' });
    await expect(openTrained({})).rejects.toThrow('memory/config.json: expected a trained model that reads videos');
  });

  describe('on a server', () => {
    let server: Server;
    let address: string;
    const files = contents();
    beforeAll(async () => {
      server = createServer((request, response) => {
        const { pathname, search } = new URL(request.url!, 'http://x');
        const name = pathname.replace('/models/mine/', '');
        if (search !== '?token=1') response.writeHead(403).end();
        else if (Object.hasOwn(files, name)) response.end(files[name]);
        else response.writeHead(404).end();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    it('opens by its address, unless the server refuses a file', async () => {
      for (const path of ['/models/mine?token=1', '/models/mine/?token=1']) {
        expect(await embed(new URL(address + path))).toEqual(EXPECTED);
      }
      await expect(openTrained(new URL(`${address}/models/mine`))).rejects.toThrow(
        `${address}/models/mine/config.json: expected a file of a model, got status 403`,
      );
    });
  });

  describe('on the hub', () => {
    let hub: FakeHub;
    beforeAll(async () => {
      const served = Object.entries(contents()).map(([name, bytes]) => [name, { bytes }] as const);
      hub = await startHub(Object.fromEntries(served));
    });
    afterAll(() => hub.close());

    it('opens by its name, with its tower', async () => {
      const progress: string[] = [];
      const messages: string[] = [];
      const options = {
        hub: { hubUrl: hub.url, cacheDir: join(folder, 'hub'), offline: false },
        observer: {
          onMessage: (line: string) => void messages.push(line),
          onProgress: ({ about = '', ended = false }) => void progress.push(ended ? 'ended' : about),
        },
      };
      expect(await embed('hub:owner/name', options)).toEqual(EXPECTED);
      expect(messages).toEqual([expect.stringMatching(/^owner\/name, commit c0ffee.*: .*hub/) as string]);
      expect([progress[0], progress.at(-1)]).toEqual(['tower/config.json', 'ended']);
      await hub.close();
      expect(await embed('hub:owner/name', { hub: { ...options.hub, offline: true } })).toEqual(EXPECTED);
    });
  });
});

describe('a config.json that claims what its tensors do not hold', () => {
  it.each([
    ['pretrained', 'layers'],
    ['category', 'layers'],
    ['similarity', 'layers'],
  ])('is refused before anything of that size is made: %s', async (kind, name) => {
    const path = join(folder, `claims-${kind}`);
    await cp(join(OLD, kind), path, { recursive: true });
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as { sizes: Record<string, number> };
    config.sizes[name] = 1e9;
    await writeFile(join(path, 'config.json'), JSON.stringify(config));
    await expect(openTrained(path)).rejects.toThrow(/expected tensors of 1000000000 layers, got \d+ tensors in all/);
  });

  it('so is that of a vision tower', async () => {
    const path = join(folder, 'claims-tower');
    await cp(TOWER, path, { recursive: true });
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as { vision: { layers: number } };
    config.vision.layers = 1e9;
    await writeFile(join(path, 'config.json'), JSON.stringify(config));
    await expect(openTower(path)).rejects.toThrow(/expected tensors of 1000000000 layers, got \d+ tensors in all/);
  });
});
