import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { disposeTree, newBert, newLinear, newNorm, newVector, randomKey } from '@wbdc/nn';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { useEngine } from '../../../../tools/testing.js';
import { parseBertConfig, SizesError } from '../../src/index.js';
import { loadBert, startFromBert } from '../../src/node.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const config = parseBertConfig(JSON.parse(readFileSync(fixture('bert-zip/config.json'), 'utf8')));

beforeAll(() => useEngine('cpu'));

const newTree = () => ({
  encoder: { bert: newBert(randomKey(1), config) },
  heads: { mlm: { transform: newLinear(randomKey(3), 14, 14), norm: newNorm(14), bias: newVector(23, 7) } },
});
let params: ReturnType<typeof newTree>;
beforeEach(() => {
  params = newTree();
});
afterEach(() => disposeTree(params));

it('starts a BERT in a tree from a published one, its head where there is one', async () => {
  const paths = { path: 'encoder.bert.', mlmHead: 'heads.mlm' };
  const report = await startFromBert(params, config, fixture('bert-legacy'), paths);
  expect(report.loaded).toHaveLength(37 + 5);
  expect(report.missing).toEqual([]);
  const { params: bert } = await loadBert(fixture('bert-legacy'));
  expect(params.encoder.bert.layers[1].output.weight.dataSync()).toEqual(bert.layers[1].output.weight.dataSync());
  expect(params.heads.mlm.bias.dataSync()[0]).not.toBe(7);
  disposeTree(bert);
});

it('keeps the head that a published encoder lacks', async () => {
  const paths = { path: 'encoder.bert.', mlmHead: 'heads.mlm' };
  const { missing } = await startFromBert(params, config, fixture('bert-zip'), paths);
  expect(missing.map(({ path }) => path)).toContain('heads.mlm.bias');
  expect(params.heads.mlm.bias.dataSync()[0]).toBe(7);
});

it('tells the sizes that differ, before it reads', async () => {
  const error = await startFromBert(params, { ...config, heads: 7, layers: 3 }, fixture('bert-zip')).catch(
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(SizesError);
  expect((error as SizesError).differences).toEqual([
    { name: 'layers', expected: 3, got: 2 },
    { name: 'heads', expected: 7, got: 2 },
  ]);
});
