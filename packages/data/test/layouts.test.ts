import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aiacIndexLayout, aiacLayout, featureLayout, wbdcLayout } from '../src/index.js';

it('names every file of a data set as the official archives do', () => {
  const wbdc = wbdcLayout('data');
  expect([wbdc.annotations('labeled'), wbdc.truth('test_a'), wbdc.tagList, wbdc.categories]).toEqual(
    ['annotations/labeled.json', 'annotations/test_a_truth.csv', 'tag_list.txt', 'categories.json'].map((name) =>
      join('data', name),
    ),
  );
  expect(wbdc.frameZip('labeled', '14514690031128344617')).toBe(
    join('data', 'zip_frames', 'labeled', '617', '14514690031128344617.zip'),
  );
  expect(wbdcLayout('/data').frameZip('unlabeled', '14514690031128344617')).toBe(
    '/data/zip_frames/unlabeled/617/14514690031128344617.zip',
  );
  expect(() => wbdc.frameZip('unlabeled', '../../x')).toThrow(/expected an id/);
  expect(() => wbdc.frameZip('labeled', '../x')).toThrow('expected an id of 3 to 64 letters');
  const aiac = aiacLayout('qq');
  expect([aiac.records('pointwise'), aiac.labels('pairwise'), aiac.tagList]).toEqual(
    ['pointwise', 'pairwise/label.tsv', 'tag_list.txt'].map((name) => join('qq', name)),
  );
  const index = aiacIndexLayout('out');
  expect([index.annotations('a'), index.recordIndex('a'), index.unpacked('a')]).toEqual(
    ['annotations/a.json', 'records/a.index', 'unpacked/a'].map((name) => join('out', name)),
  );
  const features = featureLayout('out');
  expect([features.store('a'), features.skipped('a')]).toEqual([join('out', 'a.zip'), join('out', 'a.skipped.tsv')]);
});
