import { flatten, floats, ints, randomKey, takeRows, type Batch, type Encoder } from '@wbdc/nn';
import { categoryModel } from '@wbdc/finetune';
import { pretraining, type FtmTarget, type MfmTarget, type MlmTarget } from '@wbdc/pretrain-tasks';
import { Tokenizer } from '@wbdc/tokenizer';
import { disposeGrads, fgm, pgd, valueAndGrad } from '@wbdc/train';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { distance, useEngine, wave } from '../../../tools/testing.js';
import { loadConfig } from '../src/config/load.js';
import { encoderOf, finetuneGradients, planOf, type VideoTextParams } from '@wbdc/pipeline';

// What the published systems got wrong, and these must not.

const [B, L, F, DV, V] = [6, 9, 4, 5, 23];
const tokenizer = Tokenizer.fromVocab([
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  ...'天地玄黄宇宙洪荒日月盈昃辰宿列张寒来',
]);

/** Rows and frames of different numbers; the first is longest. */
function makeBatch(): Batch {
  const batch = {
    ids: Array.from({ length: B }, String),
    tokens: ints([B, L]),
    segments: ints([B, L]),
    textMask: ints([B, L]),
    frames: floats([B, F, DV], wave(B * F * DV, 0.4, 1)),
    frameMask: ints([B, F]),
    spans: [] as { field: string; start: number; end: number }[][],
  };
  for (let row = 0; row < B; row++) {
    const end = L - 1 - row;
    batch.tokens.data.set([2, ...Array.from({ length: end - 1 }, (_, i) => 5 + ((7 * row + i) % (V - 5))), 3], row * L);
    batch.textMask.data.fill(1, row * L, row * L + end + 1);
    batch.frameMask.data.fill(1, row * F, row * F + Math.max(1, F - row));
    batch.spans.push([{ field: 'title', start: 1, end }]);
  }
  return batch;
}

const SIZES = [
  'model.width=14',
  'model.layers=1',
  'model.heads=2',
  'model.maxPositions=16',
  'model.videoLayers=1',
  'model.crossLayers=1',
  'frames.limit=4',
  'text.budget=16',
];
const ALL =
  'tasks={ftm: {view: masked}, mlm: {probability: 0.6}, mfm: {probability: 0.6}, ftc: {}, mmm: {}, tag: null}';
const configOf = (kind: string, ...set: string[]) =>
  loadConfig({ folder: '.', set: [`model.kind=${kind}`, ...SIZES, ...set] });

describe.each(['uni-model', 'lxmert-model'])('on a %s', (kind) => {
  let encoder: Encoder<VideoTextParams>;
  beforeEach(async () => {
    await useEngine('ort');
    encoder = encoderOf(await configOf(kind), V, DV);
  });
  const shared = async () => {
    const model = pretraining(encoder, planOf(await configOf(kind, ALL), tokenizer, 0));
    const batch = makeBatch();
    const views = model.prepare(batch, randomKey(5));
    const [matched, words, frames] = views[0].targets as [FtmTarget, MlmTarget, MfmTarget];
    expect(matched.labels.includes(0)).toBe(true); // or the tests would tell nothing
    return { model, batch, views, matched, words, frames };
  };

  it('targets of masked frames follow the frames that the match task has exchanged', async () => {
    const { batch, frames, views, matched } = await shared();
    const masked = views[0].batch;
    expect(frames.rows.length).toBeGreaterThan(0);
    frames.rows.forEach((row, i) => {
      const video = Math.floor(row / F);
      const own = frames.candidates.data.subarray(frames.labels[i] * DV, (frames.labels[i] + 1) * DV);
      const before = batch.frames.data.subarray(row * DV, (row + 1) * DV);
      // In a mismatched row there stands another video's frame now: the old one would be the wrong answer.
      expect([...own].join() === [...before].join()).toBe(matched.labels[video] === 1);
      expect(masked.frameMask.data[row]).toBe(1);
    });
  });

  it('no word of a mismatched pair counts', async () => {
    const { words, matched } = await shared();
    expect(words.rows.length).toBeGreaterThan(0);
    for (const row of words.rows) expect(matched.labels[Math.floor(row / L)]).toBe(1);
  });

  it('padding does not reach the pooled vector', () => {
    const model = categoryModel(encoder, { pooling: 'mean', outputs: 3, dropout: 0 });
    const params = model.init(randomKey(1));
    const short = takeRows(makeBatch(), [2]); // shorter than its columns, in text and frames
    const alone = { ...short, ...cut(short, L - 2, F - 2) };
    const [padded, bare] = [short, alone].map((batch) =>
      tf.tidy(() => model.predict(params, batch).dataSync().slice()),
    );
    expect(distance(padded, bare)).toBeLessThan(1e-6);
  });

  it('the pattern of the fast gradient method matches, and one that matches nothing is an error', async () => {
    const { adversarial } = (await configOf(kind)).finetune;
    const asConfigured = finetuneGradients({ ...adversarial, kind: 'fgm' });
    const model = categoryModel(encoder, { pooling: 'mean', outputs: 3, dropout: 0 });
    const params = model.init(randomKey(1));
    const batch = { batch: makeBatch(), labels: Int32Array.from({ length: B }, (_, i) => i % 3) };
    const loss = () => model.loss(params, batch);
    const [plain, moved] = [await valueAndGrad(params, loss), await asConfigured(params, loss)];
    const [clean, attacked] = [plain, moved].map(({ grads }) => grads.get('encoder.bert.embeddings.word')!.dataSync());
    expect(distance(attacked, clean)).toBeGreaterThan(1e-4);
    disposeGrads(plain.grads);
    disposeGrads(moved.grads);
    await expect(fgm({ pattern: 'encoder.bert.word_embeddings' })(params, loss)).rejects.toThrow(/word_embeddings/);
  });

  it('projected gradient descent leaves alone what the loss does not use', async () => {
    const model = categoryModel(encoder, { pooling: 'mean', outputs: 3, dropout: 0 });
    const params = { ...model.init(randomKey(1)), unused: { word: tf.variable(tf.scalar(1)) as tf.Tensor } };
    const batch = { batch: makeBatch(), labels: Int32Array.from({ length: B }, (_, i) => i % 3) };
    const { grads } = await pgd({ pattern: '**.word' })(params, () => model.loss(params, batch));
    expect(grads.has('encoder.bert.embeddings.word')).toBe(true);
    expect(grads.has('unused.word')).toBe(false);
    disposeGrads(grads);
  });

  it('no pass changes the masks, nor anything else of a batch', async () => {
    const { model, batch, views } = await shared();
    expect(batch).toEqual(makeBatch());
    const before = structuredClone(views);
    const params = model.init(randomKey(1));
    const { grads } = await valueAndGrad({ ...params }, () => model.loss(params, views, randomKey(2)));
    disposeGrads(grads);
    expect(views).toEqual(before);
    expect(flatten({ ...params }).length).toBeGreaterThan(0);
  });
});

/** The first columns of texts and frames. */
function cut(batch: Batch, length: number, count: number): Partial<Batch> {
  const columns = ({ data, shape }: Batch['tokens'], width: number) =>
    ints(
      [shape[0], width],
      data.filter((_, i) => i % shape[1] < width),
    );
  return {
    tokens: columns(batch.tokens, length),
    segments: columns(batch.segments, length),
    textMask: columns(batch.textMask, length),
    frameMask: columns(batch.frameMask, count),
    frames: floats([1, count, DV], batch.frames.data.subarray(0, count * DV)),
  };
}
