import { describe, expect, it } from 'vitest';
import { matchesPattern } from '@wbdc/checkpoints';
import { freezing, layerwiseDecay, resolveRules } from '../src/index.js';

const PATHS = [
  'encoder.embeddings.word',
  'encoder.layers.0.output.weight',
  'encoder.layers.0.output.bias',
  'encoder.layers.1.output.weight',
  'encoder.layers.1.outputNorm.gamma',
  'heads.tag.weight',
  'bias',
];
const matching = (pattern: string): string[] => PATHS.filter((path) => matchesPattern(pattern, path));

describe('patterns', () => {
  it.each([
    ['encoder.layers.0.**', [1, 2]],
    ['encoder.*', []],
    ['encoder.layers.*.output.weight', [1, 3]],
    ['**.bias', [2, 6]],
    ['**.{gamma,bias}', [2, 4, 6]],
    ['**', [0, 1, 2, 3, 4, 5, 6]],
    ['heads.tag.weigh', []],
    ['heads+tag.weight', []],
  ])('%s', (pattern, indices) => expect(matching(pattern)).toEqual(indices.map((i) => PATHS[i])));

  it('rejects a brace that does not close', () => {
    expect(() => matchesPattern('a.{b,c', 'a.b')).toThrow(/as many '}' as '{'/);
  });
});

describe('rules', () => {
  it('lets the first rule decide, keeps the default elsewhere, and decays no bias and no normalisation', () => {
    const settings = resolveRules(PATHS, {
      learningRate: 1,
      weightDecay: 0.5,
      rules: [
        { pattern: 'encoder.layers.1.**', learningRate: 2 },
        { pattern: 'encoder.**', learningRate: 3, weightDecay: 0.25 },
        { pattern: 'heads.**', frozen: true },
      ],
    });
    expect(PATHS.map((path) => settings.get(path))).toEqual([
      { learningRate: 3, weightDecay: 0.25, frozen: false },
      { learningRate: 3, weightDecay: 0.25, frozen: false },
      { learningRate: 3, weightDecay: 0, frozen: false },
      { learningRate: 2, weightDecay: 0.5, frozen: false },
      { learningRate: 2, weightDecay: 0, frozen: false },
      { learningRate: 1, weightDecay: 0.5, frozen: true },
      { learningRate: 1, weightDecay: 0, frozen: false },
    ]);
  });

  it('takes other patterns for what does not decay', () => {
    const settings = resolveRules(PATHS, { learningRate: 1, weightDecay: 0.5, noDecay: ['**.word'] });
    expect([settings.get('bias')?.weightDecay, settings.get(PATHS[0])?.weightDecay]).toEqual([0.5, 0]);
    expect(() => resolveRules(PATHS, { learningRate: 1, noDecay: ['**.words'] })).toThrow(/noDecay.*'\*\*\.words'/);
  });

  it('names the nearest paths where a pattern matches nothing', () => {
    expect(() => resolveRules(PATHS, { learningRate: 1, rules: [{ pattern: 'head.tag.*' }] })).toThrow(
      /'head\.tag\.\*' to match a parameter, got none of 7; the nearest are heads\.tag\.weight/,
    );
    const shadowed = [{ pattern: 'heads.**' }, { pattern: '**.tag.weight' }];
    expect(() => resolveRules(PATHS, { learningRate: 1, rules: shadowed })).toThrow(/that earlier rules took/);
    expect(() => resolveRules(PATHS, { learningRate: -1 })).toThrow(/learningRate.*got -1/);
  });

  it('decays the learning rate from layer to layer', () => {
    const rules = layerwiseDecay({
      layers: 'encoder.layers',
      count: 2,
      below: ['encoder.embeddings.**'],
      learningRate: 1,
      decay: 0.5,
    });
    const settings = resolveRules(PATHS, { learningRate: 1, rules });
    expect(PATHS.map((path) => settings.get(path)?.learningRate)).toEqual([0.125, 0.25, 0.25, 0.5, 0.5, 1, 1]);
  });

  it('freezes first, and forgets rules for frozen parameters alone', () => {
    const layers = layerwiseDecay({ layers: 'encoder.layers', count: 2, learningRate: 1, decay: 0.5 });
    const rules = freezing(['encoder.embeddings.**', 'encoder.layers.0.**'], layers, PATHS);
    const settings = resolveRules(PATHS, { learningRate: 1, rules });
    expect(PATHS.map((path) => settings.get(path)!.frozen)).toEqual([true, true, true, false, false, false, false]);
    expect(settings.get(PATHS[3])!.learningRate).toBe(0.5);
    expect(() => freezing(['encoder.layer.0.**'], layers, PATHS)).toThrow(/freeze: .*'encoder\.layer\.0\.\*\*'/);
    // A pattern that matches nothing at all is still a mistake.
    const wrong = freezing(['bias'], [{ pattern: 'heads.tags.**' }], PATHS);
    expect(() => resolveRules(PATHS, { learningRate: 1, rules: wrong })).toThrow(/'heads\.tags\.\*\*'/);
  });
});
