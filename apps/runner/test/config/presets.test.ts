import { BASE, LARGE, TINY as LXMERT_TINY } from '@wbdc/lxmert-model';
import { QQ_LARGE, TINY, WBDC_BASE } from '@wbdc/uni-model';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const model = async (...set: string[]) => (await loadConfig({ folder: '.', set })).model;

describe('model.preset', () => {
  it('is under what the configuration sets itself', async () => {
    expect(await model('model.preset=large', 'model.layers=3')).toMatchObject({ width: 1024, layers: 3, heads: 16 });
    expect(await model('model.heads=1', 'model.preset=tiny')).toMatchObject({ width: 128, layers: 2, heads: 1 });
  });

  it.each([
    ['tiny', TINY, LXMERT_TINY],
    ['base', WBDC_BASE, BASE],
    ['wbdc-base', WBDC_BASE, BASE],
    ['large', QQ_LARGE, LARGE],
    ['qq-large', QQ_LARGE, LARGE],
  ])('%s has the sizes of the packages', async (preset, uni, lxmert) => {
    const { width, layers, heads, intermediate, maxPositions, ...rest } = await model(`model.preset=${preset}`);
    const sizes = { hiddenSize: width, layers, heads, intermediateSize: intermediate ?? 4 * width, maxPositions };
    expect(uni).toMatchObject(sizes);
    expect(lxmert).toMatchObject({ ...sizes, videoLayers: rest.videoLayers, crossLayers: rest.crossLayers });
  });

  it('names the known ones, and where a number it brings does not fit', async () => {
    await expect(model('model.preset=bse')).rejects.toThrow("did you mean 'base'?");
    await expect(model('model.preset=base', 'model.width=100')).rejects.toThrow(
      'model.preset=base (preset base): model.heads: expected a divisor of width (100), got 12',
    );
  });
});
