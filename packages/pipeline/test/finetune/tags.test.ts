import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { collate, createFeatureStore, openDataset, writeAnnotations, type Dataset } from '@wbdc/data';
import { readPredictions } from '@wbdc/finetune/node';
import { floats } from '@wbdc/nn';
import { packText, Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluateModels } from '../../src/evaluate/index.js';
import { finetuneSchema, layoutOf, openTrained, pretrainSettings } from '../../src/index.node.js';
import {
  describeFolds,
  exportTrained,
  finetune,
  pretrain,
  pretrainedTags,
  readSavedModel,
  type FinetuneOptions,
} from '../../src/node.js';

const TAGS = ['cat', 'dog', 'night', 'never'];
const TITLES = ['a cat sleeps', 'a dog runs', 'a cat at night', 'a dog at night'];
const TAGS_OF = [['cat'], ['dog'], ['cat', 'night'], ['dog', 'night']];
const tokenizer = Tokenizer.fromVocab(trainVocabulary(TITLES, { size: 80, minFrequency: 1 }));
const settings = pretrainSettings({
  model: { width: 16, layers: 1, heads: 2, maxPositions: 16 },
  text: { fields: ['title'], budget: 12 },
  tasks: { mlm: null, mfm: null, tag: { weight: 4 } },
  train: { batchSize: 8, epochs: 6, learningRate: 0.01, rules: [] },
});

function open(first: number, count: number, tags: readonly string[] = TAGS, known = true): Promise<Dataset> {
  const videos = Array.from({ length: count }, (_, i) => {
    const kind = (first + i) % 4;
    return { id: `v${first + i}`, title: TITLES[kind], asr: '', ocr: [], ...(known && { tags: TAGS_OF[kind] }) };
  });
  const read = async (id: string) => floats([2, 4], new Float32Array(8).fill(Number(id.slice(1)) % 2));
  const features = { width: 4, size: count, has: () => true, read, close: async () => undefined };
  return openDataset({ videos, features, tokenizer, layout: layoutOf(settings.text), tags });
}

let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'wbdc-tags-'));
});
afterAll(() => rm(root, { recursive: true }));

const LEARN = { kind: 'tags', batchSize: 8, epochs: 10, learningRate: 0.02, rules: [], dropout: 0 };

async function optionsOf(name: string, finetuning: object, more: object = {}): Promise<FinetuneOptions> {
  return {
    folder: join(root, name),
    settings: { ...settings, finetune: finetuneSchema.parse({ ...LEARN, ...finetuning }) },
    tokenizer,
    data: { training: await open(0, 32), heldOut: await open(32, 8) },
    ...more,
  };
}

async function finetuned(options: FinetuneOptions) {
  const result = await finetune(options);
  if (result.kind !== 'model') throw new Error('expected one model');
  return { ...result, measured: result.measurement!.measured, conclusion: result.conclusion! };
}

/** A split of 12 further videos, with their features, as a run's data. */
async function furtherSplit(run: string): Promise<void> {
  const folder = join(run, 'data');
  await mkdir(join(folder, 'annotations'), { recursive: true });
  const store = await createFeatureStore(join(folder, 'more.zip'), { width: 4 });
  const videos = Array.from({ length: 12 }, (_, i) => {
    return { id: `more${i}`, title: TITLES[i % 4], asr: '', ocr: [], tags: TAGS_OF[i % 4] };
  });
  await writeAnnotations(join(folder, 'annotations/more.json'), videos);
  for (const [i, { id }] of videos.entries()) await store.add(id, floats([2, 4], new Float32Array(8).fill(i % 2)));
  await store.finish();
  await writeFile(join(run, 'stage.json'), JSON.stringify({ read: { data: 'data', features: 'data' } }));
}

describe('finetuning for tags', () => {
  it.each([
    ['binary cross entropy', {}],
    ['the asymmetric loss', { tags: { head: 'fresh', loss: 'asl', gammaNegative: 2 } }],
  ])('learns them by %s, chooses thresholds, frees what it made', async (name, more) => {
    const options = await optionsOf(name, { tags: { head: 'fresh' }, ...more });
    const before = tf.memory().numTensors;
    const { measured, conclusion } = await finetuned(options);
    expect(tf.memory().numTensors).toBe(before);
    for (const measure of ['mAP', 'video mAP', 'micro F1']) expect(measured[measure].value).toBe(1);
    expect(measured['macro F1'].value).toBe(0.75); // nobody has one of the four
    expect(measured['mAP'].baselines).toMatchObject({ 'tag frequency': 0.5 });
    expect(measured['mAP'].baselines!['character overlap']).toBeGreaterThan(0.5);
    expect(conclusion.tags).toMatchObject({ count: 4, labelled: 32, scores: { videos: 8 } });
    const read = await readPredictions(options.folder);
    if (read.kind !== 'tags') throw new Error('expected tags');
    expect(read.probabilities).toMatchObject({ tags: TAGS, values: { length: 8 * 4 } });
    expect(read.chosen.map((tags) => [...tags].sort())).toEqual(
      Array.from({ length: 8 }, (_, i) => [...TAGS_OF[i % 4]].sort()),
    );
    const lines = (await readFile(conclusion.files.tags, 'utf8')).trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { id: string; tags: { tag: string }[] });
    expect(rows.map(({ id, tags }) => [id, tags.map(({ tag }) => tag).sort()])).toEqual(
      Array.from({ length: 8 }, (_, i) => [`v${32 + i}`, TAGS_OF[i % 4]]),
    );
    const model = await openTrained(conclusion.model);
    try {
      expect(model.tags).toEqual(TAGS);
      const [{ tags }] = await model.tag([{ features: [[0, 0, 0, 0]], title: 'a cat at night' }]);
      expect(tags.filter(({ chosen }) => chosen).map(({ tag }) => tag)).toEqual(
        expect.arrayContaining(['cat', 'night']),
      );
      expect(tags.find(({ tag }) => tag === 'dog')).toMatchObject({ chosen: false });
      // Of a split that it has not predicted, it is asked.
      await furtherSplit(options.folder);
      const asked = {
        models: [options.folder],
        truth: 'more',
        samples: 100,
        openModel: () => openTrained(conclusion.model),
      };
      const { kind, models, truth } = await evaluateModels(asked);
      expect({ kind, truth }).toMatchObject({ kind: 'tags', truth: { measured: 12, unpredicted: 0 } });
      const { mAP, 'micro F1': f1, 'macro F1': macro } = models[0].measures;
      expect([mAP.value, f1.value, macro.value]).toEqual([1, 1, 0.75]);
      await expect(async () => model.embed([{ features: [], title: 'x' }])).rejects.toThrow('one that tells tags');
    } finally {
      await model.close();
    }
  });

  it('exports them: onnxruntime gives the same probabilities, and the names and thresholds stand beside', async () => {
    const { conclusion } = await finetuned(await optionsOf('exported', { epochs: 2, tags: { head: 'fresh' } }));
    const out = join(root, 'onnx');
    await exportTrained(conclusion.model, out, { tower: null });
    const lines = async (name: string): Promise<string[]> =>
      (await readFile(join(out, name), 'utf8')).trim().split('\n');
    expect(await lines('tag_list.txt')).toEqual(TAGS);
    const model = await openTrained(conclusion.model);
    const inputs = [
      { features: [[1, 1, 1, 1]], title: TITLES[3] },
      { features: [[0, 0, 0, 0]], title: TITLES[0] },
    ];
    const rows = await model.tag(inputs);
    const { saved } = model;
    await model.close();
    if (saved.kind !== 'tags') throw new Error('expected a model of tags');
    expect((await lines('tag_thresholds.txt')).map(Number)).toEqual(saved.thresholds);
    const session = await InferenceSession.create(join(out, 'model.onnx'));
    const titles = inputs.map(({ title }) => packText(tokenizer, { title }, layoutOf(settings.text)));
    const batch = collate(
      titles.map((packed, i) => ({
        id: String(i),
        ...packed,
        frames: floats([1, 4], Float32Array.from(inputs[i].features[0])),
      })),
    );
    const ints = (name: 'tokens' | 'segments' | 'textMask' | 'frameMask') =>
      new Tensor('int32', batch[name].data, batch[name].shape);
    const { tags } = await session.run({
      ...{
        tokens: ints('tokens'),
        segments: ints('segments'),
        textMask: ints('textMask'),
        frameMask: ints('frameMask'),
      },
      frames: new Tensor('float32', batch.frames.data, batch.frames.shape),
    });
    const served = [...(tags.data as Float32Array)];
    const expected = rows.flatMap((row) => TAGS.map((tag) => row.tags.find((one) => one.tag === tag)!.probability));
    served.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
  });

  it("goes on from the head of the pretraining's tags, and from an interruption, to the same numbers", async () => {
    const folder = join(root, 'pretraining');
    const data = { training: await open(0, 32), heldOut: await open(32, 8) };
    const { checkpoints } = await pretrain({ folder, settings, tokenizer, data });
    const init = { checkpoint: checkpoints };
    const { tags, form } = await pretrainedTags(init);
    expect([tags, form]).toEqual([TAGS, { pooling: 'cls', hidden: null, activation: null }]);
    // One tiny step: what is measured is what the pretraining knew.
    const still = { epochs: 1, stopAfter: 1, learningRate: 1e-9, warmup: 0 };
    const kept = await finetuned(await optionsOf('kept', still, { init }));
    const fresh = await finetuned(await optionsOf('fresh', { ...still, tags: { head: 'fresh' } }, { init }));
    expect(kept.measured['video mAP'].value).toBeGreaterThan(0.9);
    expect(kept.measured['video mAP'].value).toBeGreaterThan(fresh.measured['video mAP'].value);
    expect(await readSavedModel(kept.conclusion.model)).toMatchObject({ kind: 'tags', head: { pooling: 'cls' } });

    const short = { epochs: 2, checkpointEvery: 3 };
    const whole = await finetuned(await optionsOf('whole', short, { init }));
    const controller = new AbortController();
    let steps = 0;
    const sink = { write: () => void (++steps === 5 && controller.abort()), close: () => undefined };
    const cut = await optionsOf('cut', short, { init });
    expect(await finetune({ ...cut, signal: controller.signal, sinks: [sink] })).toMatchObject({
      status: 'interrupted',
    });
    const resumed = await finetuned({ ...cut, resume: true });
    expect(resumed.measured).toEqual(whole.measured);
    const weights = (path: string): Promise<Buffer> => readFile(join(path, 'model.safetensors'));
    expect((await weights(resumed.conclusion.model)).equals(await weights(whole.conclusion.model))).toBe(true);
  });

  it('measures on a fold, or not at all; then thresholds are 1/2', async () => {
    const fold = await optionsOf('fold', { epochs: 1, folds: 4, tags: { head: 'fresh' } });
    const { conclusion } = await finetuned(fold);
    const { labelled, scores } = conclusion.tags!;
    expect(labelled + scores!.videos).toBe(32);
    expect(scores!.videos).toBeGreaterThan(0);
    const unknown = { training: await open(0, 32), heldOut: await open(32, 8, TAGS, false) };
    const warnings: string[] = [];
    const observer = { onWarning: (line: string) => void warnings.push(line) };
    const blind = await optionsOf('blind', { epochs: 1, tags: { head: 'fresh' } }, { data: unknown, observer });
    const { measured, conclusion: end } = await finetuned(blind);
    expect(measured).toEqual({});
    expect(warnings).toEqual(['no tags of the held-out videos: nothing is measured, thresholds are 1/2; or set folds']);
    expect(await readSavedModel(end.model)).toMatchObject({ thresholds: [] });
  });

  it('of all folds: every video by a model that has not learned it, the held-out by the mean', async () => {
    const folds = { epochs: 4, learningRate: 0.04, folds: 3, fold: 'all', tags: { head: 'fresh' }, rDrop: 0.5 };
    const options = await optionsOf('folds', folds);
    const before = tf.memory().numTensors;
    const result = await finetune(options);
    expect(tf.memory().numTensors).toBe(before);
    if (result.kind !== 'folds') throw new Error('expected folds');
    const { scores, heldOut, thresholds, counts } = result.tags!;
    expect(counts).toEqual({ labelled: 32, predicted: 8 });
    expect(scores.videos).toBe(32);
    expect(heldOut!.videos).toBe(8);
    expect(heldOut!.measured['video mAP'].value).toBe(1);
    // The baseline knows how often tags are among the videos of the other folds alone.
    expect(scores.measured.mAP.baselines!['tag frequency']).toBeLessThan(0.6);
    expect(heldOut!.perTag.map(({ threshold }) => threshold)).toEqual([...thresholds]);
    const lines = async (path: string) =>
      (await readFile(path, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; fold?: number; tags?: unknown; probabilities?: number[] });
    const outOfFold = await lines(result.files.outOfFold);
    expect(outOfFold.map(({ id }) => id).sort()).toEqual(Array.from({ length: 32 }, (_, i) => `v${i}`).sort());
    expect(new Set(outOfFold.map(({ fold }) => fold))).toEqual(new Set([0, 1, 2]));
    expect(outOfFold.find(({ id }) => id === 'v2')!.tags).toEqual(TAGS_OF[2]);
    // The mean of three models, and the tags that reach the thresholds of all folds by it.
    const members = await Promise.all(result.folders.map((folder) => lines(join(folder, 'tag-probabilities.jsonl'))));
    const mean = await lines(result.files.tagProbabilities);
    mean.forEach(({ id, probabilities }, i) => {
      expect(members.map((rows) => rows[i].id)).toEqual([id, id, id]);
      probabilities!.forEach((value, k) => {
        const own = members.map((rows) => rows[i].probabilities![k]);
        expect(value).toBeCloseTo((own[0] + own[1] + own[2]) / 3, 5);
      });
    });
    const chosen = await lines(result.files.tags);
    chosen.forEach(({ tags }, i) => {
      const expected = TAGS.filter((_, k) => mean[i].probabilities![k] >= thresholds[k]);
      expect((tags as { tag: string }[]).map(({ tag }) => tag).sort()).toEqual(expected.sort());
    });
    expect((await readFile(result.files.tagList, 'utf8')).trim().split('\n')).toEqual(TAGS);
    // `evaluateModels` reads it all again, and finds what the folds have found on the held-out videos.
    const truth = join(root, 'truth.jsonl');
    const known = Array.from({ length: 8 }, (_, i) => ({ id: `v${32 + i}`, tags: TAGS_OF[i % 4] }));
    await writeFile(truth, known.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const evaluated = await evaluateModels({ models: [options.folder], truth, samples: 100 });
    const values = Object.entries(evaluated.models[0].measures).map(([name, { value }]) => [name, value]);
    const expected = Object.entries(heldOut!.measured).map(([name, { value }]) => [name, expect.closeTo(value, 6)]);
    expect(values).toEqual(expected);
    const described = describeFolds(result);
    expect(described.summary['out-of-fold mAP']).toMatch(/^0\.\d+|^1/);
    expect(described.made.map(({ path }) => path)).toContain(result.files.tags);
    // Complete folds stay as they are: it says the same again.
    const again = await finetune({ ...options, resume: true });
    expect(again.kind === 'folds' && again.tags).toEqual(result.tags);
    // A fold of other videos is told.
    const other = { ...options.data, training: await open(100, 32) };
    await expect(finetune({ ...options, data: other, resume: true })).rejects.toThrow(
      /out-of-fold\.jsonl: expected probabilities of 4 tags of the videos to learn from, got v\d+, which is none/,
    );
  });

  it('says what does not fit', async () => {
    const error = async (finetuning: object, more: object = {}) =>
      finetune(await optionsOf('wrong', finetuning, more)).then(
        () => 'nothing',
        ({ message }: Error) => message,
      );
    const fresh = { tags: { head: 'fresh' } };
    expect(await error({})).toContain("expected a pretraining to start from with 'pretrain', got none");
    const none = { training: await open(0, 8, []), heldOut: await open(8, 4, []) };
    expect(await error(fresh, { data: none })).toContain('finetune.splits: expected videos with tags, got none');
    const untold = { training: await open(0, 8, TAGS, false), heldOut: await open(8, 4) };
    expect(await error(fresh, { data: untold })).toContain('expected videos with tags in labeled, got none');
    const blind = { training: await open(0, 8), heldOut: await open(8, 4, TAGS, false) };
    expect(await error({ ...fresh, averageBest: 1 }, { data: blind })).toContain('videos with known tags');
    const single = { training: await open(0, 1), heldOut: await open(8, 4) };
    const alone = { ...fresh, folds: 2, fold: 'all', batchSize: 1 };
    expect(await error(alone, { data: single })).toMatch(/finetune.folds: expected videos with tags outside fold \d/);
    const others = { training: await open(0, 8, ['cat']), heldOut: await open(8, 4, ['cat']) };
    const init = { checkpoint: join(root, 'pretraining') };
    expect(await error({}, { data: others, init })).toContain(
      '4 tags of the pretraining, in their order, got one with 1',
    );
  });
});
