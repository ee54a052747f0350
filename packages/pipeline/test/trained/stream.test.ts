import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { SourceError } from '@wbdc/video-features';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distance } from '../../../../tools/testing.js';
import {
  openTrained,
  TrainedError,
  type TrainedInput,
  type TrainedModel,
  type Unreadable,
} from '../../src/index.node.js';
import { orAborted } from '../../src/trained/row-stream.js';
import { OLD, TEXTS, TOWER, VIDEO, videoBytes } from './fixtures.js';

let model: TrainedModel;
let warnings: string[];
let tensors: number;
beforeEach(async () => {
  await tf.setBackend('cpu');
  tensors = tf.memory().numTensors;
  warnings = [];
  const observer = { onWarning: (line: string) => void warnings.push(line) };
  model = await openTrained(join(OLD, 'similarity'), { tower: TOWER, observer });
});
afterEach(async () => {
  await model.close();
  expect(tf.memory().numTensors).toBe(tensors);
});

const features = (seed: number): TrainedInput => ({
  features: [Float32Array.from({ length: 8 }, (_, i) => Math.sin(seed + i))],
});

it('however many wait for a signal, it has one listener, and tells them all', async () => {
  const controller = new AbortController();
  const waits = Array.from({ length: 20 }, () => orAborted(new Promise(() => undefined), controller.signal));
  const quick = await orAborted(Promise.resolve(7), controller.signal);
  expect([quick, getEventListeners(controller.signal, 'abort').length]).toEqual([7, 1]);
  controller.abort(new Error('enough'));
  const ends = await Promise.allSettled([...waits, orAborted(Promise.resolve(7), controller.signal)]);
  expect(new Set(ends.map((end) => end.status === 'rejected' && (end.reason as Error).message))).toEqual(
    new Set(['enough']),
  );
});

/** Endless, and says how far it was read. */
function endless(make: (i: number) => TrainedInput = features) {
  const state = { read: 0, closed: false };
  const source = async function* (): AsyncGenerator<TrainedInput> {
    try {
      for (;;) yield make(state.read++);
    } finally {
      state.closed = true;
    }
  };
  return { state, inputs: source() };
}

describe('a video that cannot be read', () => {
  const cut = videoBytes().subarray(0, 900);
  const inputs = (): TrainedInput[] => [
    { video: VIDEO, ...TEXTS },
    { id: 'cut', video: cut },
    { id: 'gone', video: '/nowhere/cat.mp4' },
    { id: 'narrow', features: [[1, 2, 3]] },
    { id: 'nan', features: [new Float32Array(8).fill(NaN)] },
    { id: 'odd', frames: [{ width: 4, height: 4, data: new Uint8Array(5) }] },
    { id: 'none', frames: [] },
    { id: 'last', video: VIDEO, ...TEXTS },
  ];

  it('is told and left out, and the others are as without it', async () => {
    const skipped: Unreadable[] = [];
    const given = inputs();
    const rows = await model.embed(given, { onSkip: (one) => skipped.push(one) });
    expect(rows.map(({ id }) => id)).toEqual(['video', 'last']);
    expect(distance(rows[0].embedding, rows[1].embedding)).toBe(0);
    expect(skipped.map(({ id }) => id)).toEqual(['cut', 'gone', 'narrow', 'nan', 'odd', 'none']);
    expect(skipped.map(({ input }) => input)).toEqual(given.slice(1, -1));
    expect(skipped.every(({ error }) => error instanceof SourceError)).toBe(true);
    expect(skipped.map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/^cut: .*expected a zip/) as string,
      expect.stringMatching(/^\/nowhere\/cat\.mp4: expected a video/) as string,
      'narrow: expected frame features of 8 values, got 3 in frame 0. Leave the video out.',
      'nan: expected finite frame features, got NaN or infinity. Leave the video out.',
      'odd: frame 0: expected 48 (RGB) or 64 (RGBA) bytes for 4 x 4 pixels, got 5. Leave the video out.',
      'none: expected at least one frame, got none. Leave the video out.',
    ]);
    expect(warnings).toEqual([]);
  });

  it('is a warning of the observer where nobody else is told', async () => {
    expect(await model.embed(inputs())).toHaveLength(2);
    expect(warnings).toHaveLength(6);
  });

  it.each([1, 2, 16])('comes in its place where asked for, in batches of %i', async (batchSize) => {
    const rows = await model.embed(inputs(), { unreadable: 'yield', onSkip: () => undefined, batchSize });
    expect(rows.map((row) => [row.id, 'error' in row])).toEqual([
      ['video', false],
      ...['cut', 'gone', 'narrow', 'nan', 'odd', 'none'].map((id) => [id, true]),
      ['last', false],
    ]);
  });

  it('is none of those that are no input: they end the rows', async () => {
    const wrong = async (...some: unknown[]): Promise<unknown> =>
      model.embed(some as TrainedInput[]).then(undefined, (error: unknown) => error);
    expect(await wrong('cat.mp4')).toMatchObject({
      code: 'input',
      message: "input 0: expected an object with one of video, frames and features, got 'cat.mp4'",
    });
    expect(await wrong(features(1), { title: 'x' })).toMatchObject({
      message: /^input 1: .*got one with title$/ as never,
    });
    expect(await wrong({ video: VIDEO, frames: [] })).toMatchObject({ message: /got video and frames$/ as never });
  });
});

describe('the rows', () => {
  it('come one after another, or all at once', async () => {
    const inputs = [1, 2, 3].map(features);
    const all = await model.embed(inputs);
    const seen: Float32Array[] = [];
    for await (const { embedding } of model.embed(inputs)) seen.push(embedding);
    expect(seen).toEqual(all.map(({ embedding }) => embedding));
    expect(await model.embed([])).toEqual([]);
  });

  it('are not computed before they are asked for', async () => {
    const { state, inputs } = endless();
    const rows = model.embed(inputs);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(state.read).toBe(0);
    await rows.return();
  });

  it('of frames read no further than a batch of the tower more', async () => {
    const picture = { width: 16, height: 16, data: new Uint8Array(768) };
    const { state, inputs } = endless(() => ({ frames: [picture, picture, picture, picture] }));
    let seen = 0;
    for await (const row of model.embed(inputs, { batchSize: 2 })) {
      expect(row.id).toBe(String(seen++));
      expect(state.read - seen).toBeLessThanOrEqual(64 / 4 + 2 * 2);
      if (seen === 40) break;
    }
    expect(state.closed).toBe(true);
  });

  it.each([1, 4, 16])('in batches of %i read two batches ahead at most', async (batchSize) => {
    const { state, inputs } = endless();
    let seen = 0;
    for await (const { embedding } of model.embed(inputs, { batchSize })) {
      expect(embedding).toHaveLength(6);
      seen++;
      expect(state.read - seen).toBeLessThanOrEqual(2 * batchSize);
      if (seen === 3 * batchSize) break;
    }
    expect(state.closed).toBe(true);
  });

  it('of several askers do not mix', async () => {
    const [one, two] = await Promise.all([model.embed([1, 2, 3].map(features)), model.embed([3, 2, 1].map(features))]);
    one.forEach((row, i) => expect(distance(row.embedding, two[2 - i].embedding)).toBeLessThan(1e-6));
  });

  it('pass on what goes wrong in the source', async () => {
    const inputs = function* (): Generator<TrainedInput> {
      yield features(1);
      throw new Error('the list is broken');
    };
    await expect(model.embed(inputs())).rejects.toThrow('the list is broken');
  });
});

describe('a signal', () => {
  it('ends the rows with its reason, and closes the source', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { state, inputs } = endless();
    let seen = 0;
    const read = async (): Promise<void> => {
      for await (const row of model.embed(inputs, { batchSize: 2, signal: controller.signal })) {
        expect(row.id).toBe(String(seen));
        if (++seen === 5) controller.abort(reason);
      }
    };
    await expect(read()).rejects.toBe(reason);
    expect(seen).toBeLessThanOrEqual(6); // the rest of a batch may still come
    expect(state.closed).toBe(true);
    await expect(model.embed([features(1)], { signal: controller.signal })).rejects.toBe(reason);
  });

  it('ends the waiting for a source that gives nothing', async () => {
    const controller = new AbortController();
    const never = async function* (): AsyncGenerator<TrainedInput> {
      await new Promise(() => undefined);
      yield features(1);
    };
    const rows = model.embed(never(), { signal: controller.signal });
    const first = rows.next();
    setTimeout(() => controller.abort(new Error('too late')), 10);
    await expect(first).rejects.toThrow('too late');
  });

  it('ends the waiting for a decoder', async () => {
    const decode = (): Promise<never> => new Promise(() => undefined);
    await using slow = await openTrained(join(OLD, 'similarity'), { tower: TOWER, decode });
    await expect(slow.embed([{ video: VIDEO }], { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});

describe('closing', () => {
  it('frees all tensors, whatever happened before', async () => {
    const rows = model.embed(endless().inputs);
    await rows.next();
    await model.embed([{ video: VIDEO }, features(2)]);
    await model.embed([{ video: 'gone' }], { onSkip: () => undefined });
    expect(tf.memory().numTensors).toBeGreaterThan(tensors);
    await model.close();
    expect(tf.memory().numTensors).toBe(tensors);
    await model.close(); // again: nothing
  });

  it('ends what runs, and refuses what comes after', async () => {
    const rows = model.embed(endless().inputs, { batchSize: 1 });
    await rows.next();
    await model.close();
    const error = await rows.next().then(undefined, (reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainedError);
    expect(error).toMatchObject({ code: 'model-closed' });
    await expect(model.embed([features(1)])).rejects.toThrow('expected an open model, got one that was closed');
  });

  it('does not wait for a source that gives nothing', async () => {
    const rows = model.embed(
      (async function* (): AsyncGenerator<TrainedInput> {
        await new Promise(() => undefined);
        yield features(1);
      })(),
    );
    const first = rows.next();
    const refused = expect(first).rejects.toMatchObject({ code: 'model-closed' });
    await model.close();
    await refused;
  });

  it('happens at the end of await using', async () => {
    const used = tf.memory().numTensors;
    {
      await using other = await openTrained(join(OLD, 'category'), { tower: TOWER });
      await other.classify([{ video: VIDEO }]);
      expect(tf.memory().numTensors).toBeGreaterThan(used);
    }
    expect(tf.memory().numTensors).toBe(used);
  });
});

describe('a model', () => {
  it('is asked only for what it was trained for', async () => {
    await expect(model.classify([features(1)])).rejects.toMatchObject({
      code: 'head-missing',
      message: `${join(OLD, 'similarity')}: expected a model that predicts categories, got one that makes embeddings`,
    });
    await expect(model.tag([features(1)])).rejects.toThrow('expected a model that was trained on tags');
    await using classifier = await openTrained(join(OLD, 'category'));
    await expect(classifier.embed([features(1)])).rejects.toThrow('got one that predicts categories');
    await using pretrained = await openTrained(join(OLD, 'pretrained'));
    await expect(pretrained.classify([features(1)])).rejects.toThrow('got one of pretraining');
    const [{ embedding }] = await pretrained.embed([features(1)]);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(await pretrained.tag([features(1)], { top: 1 })).toHaveLength(1);
  });

  it('needs no vision tower for features', async () => {
    await using alone = await openTrained(join(OLD, 'similarity'));
    expect(await alone.embed([features(1)])).toHaveLength(1);
    const missing = alone.embed([{ frames: [{ width: 20, height: 20, data: new Uint8Array(1200) }] }]);
    await expect(missing).rejects.toMatchObject({ code: 'tower-missing' });
  });

  it('refuses a tower of other features', async () => {
    const config = JSON.parse(readFileSync(join(TOWER, 'config.json'), 'utf8')) as { vision: { width: number } };
    const weights = new Uint8Array(readFileSync(join(TOWER, 'model.safetensors')));
    weights[weights.length - 3] ^= 0x10;
    const bytes = { 'config.json': Buffer.from(JSON.stringify(config)), 'model.safetensors': weights };
    await using other = await openTrained(join(OLD, 'similarity'), { tower: bytes });
    await expect(other.embed([{ video: VIDEO }])).rejects.toMatchObject({
      code: 'tower-other',
      message: /^tower: expected the vision tower whose features .* got another:\n {2}weights: expected "/ as never,
    });
    await using model2 = await openTrained(join(OLD, 'similarity'), { tower: join(OLD, 'category') });
    await expect(model2.embed([{ video: VIDEO }])).rejects.toMatchObject({ code: 'tower-foreign' });
  });
});
