import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeModel, framesSchema, modelSchema, parseSavedModel, tasksSchema, textSchema } from '../src/index.js';
import { assertSavedModel, readSavedModel } from '../src/node.js';

const OLD = join(import.meta.dirname, 'fixtures', '0.1.0');
const KINDS = ['pretrained', 'clip', 'category', 'similarity'] as const;

const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;

const without = (names: readonly string[], value: object) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

/** What the settings of the old run give today. */
const architecture = {
  sizes: modelSchema.parse({ width: 8, layers: 1, heads: 2, maxPositions: 12 }),
  text: textSchema.parse({ budget: 12 }),
  frames: framesSchema.parse({ limit: 4 }),
};
const tasks = tasksSchema.parse({
  mlm: { weight: 1, probability: 0.15, prior: 'frequency' },
  mfm: { weight: 0.5, probability: 0.25, normalize: true, temperature: 0.07 },
  tag: { weight: 50, count: 10, minFrequency: 3, prior: 0.01 },
});

describe('a model of 0.1.0', () => {
  it.each(KINDS)('is read: %s', async (kind) => {
    const saved = await readSavedModel(join(OLD, kind));
    expect(saved).toMatchObject({ version: 1, kind });
    expect(saved).toMatchObject(without(['model', 'kind'], await readJson(join(OLD, kind, 'config.json'))));
  });

  it('is the one that the same settings describe today, so that its training goes on', async () => {
    const features = (await readJson(join(OLD, 'pretrained/config.json')))['features'] as Record<string, unknown>;
    const today = { ...architecture, tasks, views: {}, features };
    await assertSavedModel(join(OLD, 'pretrained'), describeModel('pretrained', today));
    const wider = { ...today, sizes: { ...today.sizes, width: 16 } };
    await expect(assertSavedModel(join(OLD, 'pretrained'), describeModel('pretrained', wider))).rejects.toThrow(
      /pretrained\/config\.json: .*another configuration: sizes\.width: expected 16, got 8\./,
    );
  });

  it('of a finetuning has an encoder that a pretraining may start from', async () => {
    await assertSavedModel(join(OLD, 'similarity'), architecture);
  });
});

describe('describeModel', () => {
  it.each(KINDS)('writes what parseSavedModel reads: %s', async (name) => {
    const fields = without(['version', 'kind'], await readSavedModel(join(OLD, name)));
    const described = describeModel(name, fields as never);
    const written = JSON.parse(JSON.stringify(described)) as unknown;
    expect(written).toMatchObject({ version: 1, kind: name });
    expect(parseSavedModel(written, 'config.json')).toEqual(described);
  });

  it('refuses a model that does not fit itself', () => {
    const head = { pooling: 'mean' as const, attention: 'linear' as const, outputs: 3, dropout: 0, samples: 1 };
    const fields = { ...architecture, features: null, head, ema: null, classes: ['a', 'b'] };
    expect(() => describeModel('category', fields)).toThrow('expected 3 classes, as many as outputs, got 2');
  });
});

describe('parseSavedModel', () => {
  it.each([
    [
      { model_type: 'bert', hidden_size: 8 },
      "x.json: expected the description of a model that wbdc saved, got that of a 'bert' model",
    ],
    [
      { version: 9, kind: 'pretrained' },
      'x.json: expected a model saved in version 1 of the format, or an earlier one, got version 9',
    ],
    [{ version: 1, kind: 'other' }, 'that wbdc saved, got kind: Invalid discriminator'],
    [[], 'got something else'],
    [null, 'got something else'],
  ])('refuses %j', (json, message) => {
    expect(() => parseSavedModel(json, 'x.json')).toThrow(message);
  });

  it('names the field at fault', async () => {
    const { sizes, ...rest } = await readJson(join(OLD, 'pretrained/config.json'));
    const broken = { ...rest, sizes: { ...(sizes as object), heads: 3 } };
    expect(() => parseSavedModel(broken, 'x.json')).toThrow(
      /got sizes\.heads: expected a divisor of width \(8\), got 3/,
    );
    const clip = await readJson(join(OLD, 'clip/config.json'));
    const vision = { ...(clip['vision'] as object), heads: 7 };
    expect(() => parseSavedModel({ ...clip, vision }, 'x.json')).toThrow(
      /got vision\.heads: expected a divisor of the/,
    );
  });
});
