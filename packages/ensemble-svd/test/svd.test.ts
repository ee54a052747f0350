import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { fit, fitBlocks, fitTransform, javascriptProducts, transform, transformBlocks } from '@wbdc/ensemble-svd';
import type { Embeddings } from '@wbdc/ensemble-svd';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import fixture from './fixtures/svd.json' with { type: 'json' };
import { distance, ids, innerProducts, model, models, noise, slice, WEIGHTS } from './noise.js';

const options = { dimension: 6, weights: WEIGHTS };

describe.each([
  ['JavaScript', async () => javascriptProducts],
  ['ONNX Runtime', () => onnxProducts(ort)],
])("as scikit-learn's TruncatedSVD, products by %s", (_, create) => {
  test('fit, then transform other rows', async () => {
    const products = await create();
    const ensemble = await fit(models(53, 11), { ...options, products });
    expect(distance(ensemble.singularValues, fixture.singularValues)).toBeLessThan(1e-9);
    expect(ensemble.share).toBeCloseTo(fixture.share, 9);
    const rows = await transform(ensemble, models(17, 101), { products });
    expect(rows).toMatchObject({ ids: ids(17), width: 6 });
    expect(distance(innerProducts(rows), fixture.transformed)).toBeLessThan(1e-9);
  });

  test('transductive', async () => {
    const products = await create();
    const { ensemble, embeddings } = await fitTransform(models(53, 11), { ...options, products });
    expect(distance(innerProducts(embeddings), fixture.fitted)).toBeLessThan(1e-9);
    expect(distance((await transform(ensemble, models(53, 11))).values, embeddings.values)).toBeLessThan(1e-12);
  });
});

test('chunks by columns and by rows are the same, over several chunks too', async () => {
  const { addGram, project } = javascriptProducts;
  for (const rows of [4096, 4096 + 70, 61]) {
    const members = models(rows, 3);
    const byRows = await fit(members, { ...options, products: { addGram, project } });
    const byColumns = await fit(members, options);
    expect(byColumns.components).toEqual(byRows.components);
    expect(byColumns.singularValues).toEqual(byRows.singularValues);
  }
});

test('float32 rows stay within 1e-6', async () => {
  const single = models(53, 11).map((member) => ({ ...member, values: Float32Array.from(member.values) }));
  const { embeddings } = await fitTransform(single, options);
  expect(distance(innerProducts(embeddings), fixture.fitted)).toBeLessThan(1e-6);
});

test('with all dimensions, inner products are the weighted sum of cosines', async () => {
  const members = models(31, 3);
  const { embeddings, ensemble } = await fitTransform(members, { dimension: 23, weights: [2, 0.5, 1] });
  const cosines = members.map(({ values, width, ids, name }) => {
    const unit = values.map(
      (value, i) => value / Math.hypot(...values.subarray(i - (i % width), i - (i % width) + width)),
    );
    return innerProducts({ name, ids, width, values: unit });
  });
  const expected = cosines[0].map((cosine, i) => 2 * cosine + 0.5 * cosines[1][i] + cosines[2][i]);
  expect(distance(innerProducts(embeddings), expected)).toBeLessThan(1e-12);
  expect(ensemble.share).toBeCloseTo(1, 12);
});

test('equal singular values: any basis of theirs, the same inner products', async () => {
  // Rows e1, e1, e2, e2, e3 of length 1: singular values sqrt 2, sqrt 2, 1; two dimensions keep e1 and e2.
  const values = Float64Array.of(1, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0);
  const { ensemble, embeddings } = await fitTransform([{ name: 'a', ids: ids(5), width: 4, values }], { dimension: 2 });
  expect(distance(ensemble.singularValues, [Math.SQRT2, Math.SQRT2])).toBeLessThan(1e-12);
  const same = (a: number, b: number): number => Number(a < 4 && Math.floor(a / 2) === Math.floor(b / 2));
  const expected = Array.from({ length: 25 }, (_, i) => same(Math.floor(i / 5), i % 5));
  expect(distance(innerProducts(embeddings), expected)).toBeLessThan(1e-12);
});

test('the scale of a model does not matter, weights default to equal', async () => {
  const members = models(31, 3);
  const scaled = members.map((m, k) => ({ ...m, values: m.values.map((value) => value * 10 ** (k * 3)) }));
  const a = await fitTransform(members, { dimension: 5 });
  const b = await fitTransform(scaled, { dimension: 5, weights: [1 / 3, 1 / 3, 1 / 3] });
  expect(a.ensemble.weights).toEqual([1 / 3, 1 / 3, 1 / 3]);
  expect(distance(a.embeddings.values, b.embeddings.values)).toBeLessThan(1e-12);
});

test('ids in another order are the same ids', async () => {
  const members = models(29, 5);
  const { width, values } = members[1];
  const order = members[1].ids.map((_, i) => (i * 11) % 29);
  const shuffled: Embeddings = {
    ...members[1],
    ids: order.map((row) => `v${row}`),
    values: Float64Array.from(order.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)])),
  };
  const a = await fitTransform(members, { dimension: 4 });
  const b = await fitTransform([members[0], shuffled, members[2]], { dimension: 4 });
  expect(b.embeddings).toEqual(a.embeddings);
});

describe('streaming', () => {
  const members = models(9001, 13); // beyond two chunks
  async function* blocks(size: number) {
    for (let from = 0; from < 9001; from += size) yield slice(members, from, from + size);
  }

  test('the same bits however the rows are cut', async () => {
    const whole = await fit(members, options);
    for (const size of [701, 8999]) expect(await fitBlocks(blocks(size), options)).toEqual(whole);
  });

  test('blocks are transformed as the whole is', async () => {
    const ensemble = await fit(members, options);
    const whole = await transform(ensemble, members);
    const parts: Embeddings[] = [];
    for await (const part of transformBlocks(ensemble, blocks(701))) parts.push(part);
    expect(parts.flatMap((part) => part.ids)).toEqual(ids(9001));
    expect(parts.flatMap((part) => [...part.values])).toEqual([...whole.values]);
    expect(Math.max(...parts.map((part) => part.ids.length))).toBeLessThanOrEqual(4096);
  });
});

describe('errors', () => {
  const members = models(29, 5);
  const change = (m: number, part: Partial<Embeddings>) => members.map((x, k) => (k === m ? { ...x, ...part } : x));
  const fails = (rows: readonly Embeddings[], message: string | RegExp, more: object = {}) => {
    return expect(fit(rows, { dimension: 4, ...more })).rejects.toThrow(message);
  };

  test('different ids', async () => {
    await fails(
      [...slice(members.slice(0, 1), 0, 29), ...slice(members.slice(1), 0, 27)],
      "expected the same ids of 'model0' and 'model1', got 2 (first: v27, v28) missing and 0 extra in 'model1'",
    );
    await fails(change(1, { ids: [...ids(28), 'x'] }), "1 (first: v28) missing and 1 (first: x) extra in 'model1'");
    await fails(
      change(2, { ids: [...ids(28), 'v3'] }),
      "model 'model2': expected every id once, got 'v3' in rows 3 and 28",
    );
  });

  test('rank below the dimension', async () => {
    await fails(
      slice(members, 0, 3),
      'expected rows of rank 4 or more, got rank 3 (model0, model1, model2, 23 columns)',
    );
    await expect(fit(slice(members, 0, 3), { dimension: 4 })).rejects.toMatchObject({ rank: 3 });
    const twice = [members[2], { ...members[2], name: 'copy' }];
    await fails(twice, 'expected rows of rank 6 or more, got rank 5', { dimension: 6 });
    await fails(members, 'dimension: expected a whole number from 1 to 23', { dimension: 24 });
    await fails(members, 'got 0', { dimension: 0 });
  });

  test('values that are not finite, rows without direction', async () => {
    const broken = members[1].values.slice();
    broken[3 * 11 + 2] = Number.NaN;
    await fails(
      change(1, { values: broken }),
      "model 'model1', id 'v3' (row 3), column 2: expected a finite number, got NaN",
    );
    const zero = members[1].values.slice().fill(0, 22, 33);
    await fails(change(1, { values: zero }), "id 'v2' (row 2): expected a row with a direction, got length 0");
  });

  test('shapes, names, weights, no rows', async () => {
    await fails(change(0, { width: 6 }), "model 'model0': expected 29 ids x 6 values = 174, got 203");
    await fails(change(1, { name: 'model0' }), "expected every model once, got 'model0' twice");
    await fails(members, 'weights: expected 3 numbers from 0 to 1e+100', { weights: [1, 1] });
    await fails(members, 'weights: expected 3 numbers from 0 to 1e+100', { weights: [1e300, 1, 1] });
    await fails(members, 'got [0, 0, 0]', { weights: [0, 0, 0] });
    await fails(members, 'got [1, -1, 1]', { weights: [1, -1, 1] });
    await fails([], 'expected one model or more, got none');
    await fails(slice(members, 0, 0), 'fit: expected rows, got none');
    await expect(fitBlocks([], options)).rejects.toThrow('fit: expected rows, got none');
  });

  test('other models in transform, or in a later block', async () => {
    const ensemble = await fit(members, { dimension: 4 });
    await expect(transform(ensemble, [members[1], members[0], members[2]])).rejects.toThrow(
      'expected the models model0 (7 wide), model1 (11 wide), model2 (5 wide), got model1 (11 wide), model0 (7 wide)',
    );
    await expect(fitBlocks([members, members.slice(1)], options)).rejects.toThrow(
      'got model1 (11 wide), model2 (5 wide)',
    );
  });
});

test('wide: 601 columns', async () => {
  const members = [model('a', 701, 401, 3), { ...model('b', 701, 200, 4), values: noise(4, 701 * 200) }];
  const { ensemble, embeddings } = await fitTransform(members, { dimension: 37 });
  for (let k = 0; k < 37; k++) {
    let length = 0; // column k of the transformed rows has the singular value as its length
    for (let row = 0; row < 701; row++) length += embeddings.values[row * 37 + k] ** 2;
    expect(Math.sqrt(length)).toBeCloseTo(ensemble.singularValues[k], 9);
  }
});
