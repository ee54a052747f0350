import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distance } from '../../../../tools/testing.js';
import {
  BERT_EPSILON,
  bert,
  disposeTree,
  flatten,
  floats,
  gelu,
  ints,
  layerNorm,
  linear,
  mapTree,
  newBert,
  newLinear,
  newNorm,
  newVector,
  randomKey,
  type Bert,
} from '@wbdc/nn';
import {
  bertKeyMap,
  bertShapes,
  formatWeightReport,
  joinKeyMaps,
  loadWeights,
  parseBertConfig,
  weightsOf,
  type WeightSource,
} from '../../src/index.js';
import { loadBert, openWeights, saveBert } from '../../src/node.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
type Expected = Record<'hidden' | 'logits' | 'word', number[]>;
const expected = JSON.parse(readFileSync(fixture('bert-checkpoints.json'), 'utf8')) as Expected;
const FOLDERS = ['bert-safetensors', 'bert-sharded', 'bert-zip', 'bert-legacy', 'bert-bin-sharded'];
const config = parseBertConfig(JSON.parse(readFileSync(join(fixture('bert-zip'), 'config.json'), 'utf8')));
const tokens = ints([3, 7], Int32Array.of(2, 5, 7, 11, 13, 17, 3, 2, 22, 19, 3, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0));
const text = {
  tokens,
  segments: ints([3, 7], Int32Array.of(0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  textMask: ints([3, 7], tokens.data.map(Math.sign)),
};
const mask = (): tf.Tensor => tf.tensor3d(Float32Array.from(text.textMask.data), [3, 7, 1]);
const hidden = (params: Bert): ArrayLike<number> => tf.mul(bert(params, text, config), mask()).dataSync();
const newHead = () => ({ transform: newLinear(randomKey(3), 14, 14), norm: newNorm(14), bias: newVector(23) });

/** Values of all parameters, as bits. */
function bitsOf(params: object): Record<string, number[]> {
  const bits = (leaf: tf.Tensor): number[] => [...new Uint32Array((leaf.dataSync() as Float32Array).slice().buffer)];
  return Object.fromEntries(flatten(params).map(({ path, leaf }) => [path, bits(leaf)]));
}

/** A checkpoint in memory with some tensors changed, added or taken away. */
async function changed(
  folder: string,
  change: (tensors: Record<string, ReturnType<typeof floats>>) => void,
): Promise<WeightSource> {
  const file = await openWeights(fixture(folder));
  const tensors: Record<string, ReturnType<typeof floats>> = {};
  for (const name of file.tensors.keys()) tensors[name] = (await file.read(name)) as ReturnType<typeof floats>;
  await file.close();
  change(tensors);
  return weightsOf(tensors, 'test');
}

let folder: string;
beforeEach(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'bert-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each(FOLDERS)('%s', (name) => {
  it('gives the hidden states of transformers', async () => {
    const { params, report } = await loadBert(fixture(name));
    expect(distance(hidden(params), expected.hidden)).toBeLessThan(1e-5);
    expect([...new Uint32Array((params.embeddings.word.dataSync() as Float32Array).slice().buffer)]).toEqual(
      expected.word,
    );
    expect(report.missing).toEqual([]);
    expect(report.loaded).toHaveLength(flatten(params).length);
    expect(params.layers[1].output.bias).toBeInstanceOf(tf.Variable);
    disposeTree(params);
  });
});

it('knows the paths and shapes of newBert', () => {
  const fresh = flatten(newBert(randomKey(1), config)).map(({ path, leaf }) => [path, leaf.shape]);
  expect([...bertShapes(config)]).toEqual(fresh);
  const paths = bertKeyMap(config.layers).entries.map(({ path }) => path);
  expect(paths.sort()).toEqual(fresh.map(([path]) => path).sort());
});

describe('loading into variables', () => {
  const tree = () => ({
    model: { bert: newBert(randomKey(1), config) },
    heads: { mlm: newHead() },
    extra: newVector(3),
  });
  const keys = bertKeyMap(config.layers, { path: 'model.bert.', mlmHead: 'heads.mlm' });

  it.each(['bert-safetensors', 'bert-legacy'])('takes the masked language model of %s, head included', async (name) => {
    const params = tree();
    const before = tf.memory().numTensors;
    const file = await openWeights(fixture(name));
    const report = await loadWeights(params, keys, file);
    await file.close();
    expect(tf.memory().numTensors).toBe(before);
    const { transform, norm, bias } = params.heads.mlm;
    const state = bert(params.model.bert, text, config);
    const predicted = layerNorm(gelu(linear(state, transform), 'erf'), norm, BERT_EPSILON);
    const word = params.model.bert.embeddings.word;
    const logits = tf.add(tf.matMul(tf.reshape(predicted, [21, 14]), word, false, true), bias);
    const masked = tf.mul(tf.reshape(logits, [3, 7, 23]), mask());
    expect(distance(masked.dataSync(), expected.logits)).toBeLessThan(1e-5);
    expect(report.missing).toEqual([{ path: 'extra', shape: [3], reason: 'not in the key map' }]);
    expect(formatWeightReport(report)).toContain('model.bert.layers.{0-1}.attention.query.weight');
  });

  it('says what it left out', async () => {
    const { report } = await loadBert(fixture('bert-legacy'));
    expect(Object.fromEntries(report.unused.map(({ name, reason }) => [name, reason]))).toMatchObject({
      'bert.pooler.dense.weight': 'the pooler belongs to next-sentence prediction',
      'cls.seq_relationship.bias': 'next-sentence prediction',
      'cls.predictions.decoder.weight': 'tied to the word embeddings',
      'cls.predictions.transform.LayerNorm.gamma': 'the masked language model’s head was not asked for',
    });
    const table = formatWeightReport(report).split('\n');
    expect(table[0]).toMatch(/bert-legacy.*: 37 parameters loaded \(\d,\d+ values\), 0 new, 11 tensors ignored/);
    expect(table).toContainEqual(
      expect.stringMatching(
        /^loaded +layers\.\{0-1\}\.output\.weight +bert\.encoder\.layer\.\{0-1\}\.output\.dense\.weight +F32 \[14/,
      ),
    );
    expect(table.length).toBeLessThan(40);
  });

  it.each([
    [
      'a missing tensor',
      (t: Record<string, unknown>) => delete t['bert.encoder.layer.1.output.dense.bias'],
      /'model\.bert\.layers\.1\.output\.bias': expected a tensor bert\.encoder.*\.1\.output\.dense\.bias or .*got none/,
    ],
    [
      'another shape',
      (t: Record<string, unknown>) => (t['bert.encoder.layer.0.intermediate.dense.weight'] = floats([14, 22])),
      /'model\.bert\.layers\.0\.intermediate\.weight': expected bert\..*of shape \[22, 14\], got \[14, 22\]/,
    ],
    [
      'an unmapped tensor',
      (t: Record<string, unknown>) => (t['bert.adapter.x'] = floats([5])),
      /bert\.adapter\.x \[5\]: no parameter takes it/,
    ],
    [
      'whole numbers',
      (t: Record<string, unknown>) => (t['cls.predictions.bias'] = ints([23])),
      /expected cls\.predictions\.bias to hold F32.*got I32/,
    ],
  ])('changes nothing on %s, and tells all problems', async (_, change, message) => {
    const params = tree();
    const before = bitsOf(params);
    const source = await changed('bert-safetensors', (tensors) => {
      change(tensors);
      tensors['surprise'] = floats([1]);
    });
    await expect(loadWeights(params, keys, source)).rejects.toThrow(message);
    await expect(loadWeights(params, keys, source)).rejects.toThrow(/nothing was changed.*\n.*\n[^]*surprise \[1\]/);
    expect(bitsOf(params)).toEqual(before);
  });

  it('changes nothing when a tensor cannot be read', async () => {
    const params = tree();
    const before = bitsOf(params);
    const source = await changed('bert-safetensors', () => undefined);
    const read = async (name: string) => {
      if (name === 'cls.predictions.bias') throw new Error('the disk broke');
      return source.read(name);
    };
    await expect(loadWeights(params, keys, { ...source, read })).rejects.toThrow('the disk broke');
    expect(bitsOf(params)).toEqual(before);
  });

  it('lets pass what is allowed by name', async () => {
    const params = tree();
    const before = bitsOf(params);
    const source = await changed('bert-safetensors', (tensors) => {
      tensors['bert.adapter.x'] = floats([5]);
      for (const name of Object.keys(tensors))
        if (name.startsWith('cls.predictions')) Reflect.deleteProperty(tensors, name);
    });
    const report = await loadWeights(params, keys, source, {
      allowMissing: ['heads.mlm.**'],
      allowUnused: ['**.adapter.*'],
    });
    expect(report.missing.map(({ path }) => path)).toEqual([
      'heads.mlm.transform.weight',
      'heads.mlm.transform.bias',
      'heads.mlm.norm.gamma',
      'heads.mlm.norm.beta',
      'heads.mlm.bias',
      'extra',
    ]);
    expect(report.unused).toContainEqual({
      name: 'bert.adapter.x',
      dtype: 'F32',
      shape: [5],
      reason: 'allowed by allowUnused',
    });
    expect(bitsOf(params.heads)['mlm.transform.weight']).toEqual(before['heads.mlm.transform.weight']);
    expect(bitsOf(params)['model.bert.embeddings.word']).toEqual(expected.word);
  });

  it('refuses parameters that cannot be assigned to, and maps of another model', async () => {
    const source = await changed('bert-zip', () => undefined);
    const frozen = mapTree(newBert(randomKey(1), config), (leaf) => tf.clone(leaf));
    await expect(loadWeights(frozen, bertKeyMap(2), source)).rejects.toThrow(/'embeddings\.word' to be a tf\.Variable/);
    await expect(loadWeights(newBert(randomKey(1), config), bertKeyMap(3), source)).rejects.toThrow(
      /the key map has 'layers\.2\.attention\.query\.weight', the parameters have not/,
    );
    const twice = joinKeyMaps(bertKeyMap(1, { path: 'a.' }), { entries: [], unused: [{ pattern: '**', reason: 'x' }] });
    expect(twice.entries[0].path).toBe('a.embeddings.word');
  });
});

describe('saving', () => {
  it('and loading again keeps every bit, with and without the head', async () => {
    const { params } = await loadBert(fixture('bert-zip'));
    await saveBert(folder, params, config);
    const again = await loadBert(folder);
    expect(again.config).toEqual(config);
    expect(bitsOf(again.params)).toEqual(bitsOf(params));
    expect(again.report.unused).toEqual([]);

    const head = newHead();
    await saveBert(folder, params, config, { mlmHead: head });
    const copy = { bert: newBert(randomKey(5), config), head: { ...newHead(), bias: newVector(23, 7) } };
    const file = await openWeights(folder);
    await loadWeights(copy, bertKeyMap(2, { path: 'bert.', mlmHead: 'head' }), file);
    await file.close();
    expect(bitsOf(copy)).toEqual(bitsOf({ bert: params, head }));
  });

  it('writes the tensors of transformers under their names, bit by bit', async () => {
    const { params } = await loadBert(fixture('bert-safetensors'));
    await saveBert(folder, params, config);
    const [ours, theirs] = [await openWeights(folder), await openWeights(fixture('bert-safetensors'))];
    const names = [...theirs.tensors.keys()].filter((name) => name.startsWith('bert.') && !name.includes('pooler'));
    expect([...ours.tensors.keys()].sort()).toEqual(names.map((name) => name.slice('bert.'.length)).sort());
    for (const name of names)
      expect(await ours.read(name.slice('bert.'.length)), name).toEqual(await theirs.read(name));
    await Promise.all([ours.close(), theirs.close()]);
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['BertModel'],
      model_type: 'bert',
      vocab_size: 23,
      layer_norm_eps: 1e-12,
    });
  });

  it('refuses a configuration that is not the parameters’', async () => {
    const params = newBert(randomKey(1), config);
    await expect(saveBert(folder, params, { ...config, layers: 3 })).rejects.toThrow(/a parameter 'layers\.2\./);
    await expect(saveBert(folder, params, { ...config, vocabSize: 29 })).rejects.toThrow(
      /'embeddings\.word' of shape \[29, 14\] by the configuration, got \[23, 14\]/,
    );
  });
});

describe('folders', () => {
  it('name what they lack', async () => {
    await expect(openWeights(folder)).rejects.toThrow(/expected one of model\.safetensors.*got nothing/);
    await expect(loadBert(folder)).rejects.toThrow(/cannot open .*config\.json: no such file/);
    await writeFile(join(folder, 'config.json'), '{');
    await expect(loadBert(folder)).rejects.toThrow(/config\.json: expected JSON/);
  });

  it('cannot claim any number of layers', async () => {
    await cp(fixture('bert-zip'), folder, { recursive: true });
    const path = join(folder, 'config.json');
    const json = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...json, num_hidden_layers: 1e9 }));
    await expect(loadBert(folder)).rejects.toThrow(/expected tensors of 1000000000 layers, got \d+ tensors in all/);
  });

  it('prefer safetensors', async () => {
    await cp(fixture('bert-zip'), folder, { recursive: true });
    await cp(join(fixture('bert-safetensors'), 'model.safetensors'), join(folder, 'model.safetensors'));
    const file = await openWeights(folder);
    expect(file.path).toBe(join(folder, 'model.safetensors'));
    await file.close();
  });
});
