import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseBertConfig } from '../../src/index.js';

describe('config.json', () => {
  const path = new URL('../fixtures/bert-zip/config.json', import.meta.url);
  const json = JSON.parse(readFileSync(path, 'utf8')) as object;

  it('gives the sizes', () => {
    expect(parseBertConfig(json)).toEqual({
      vocabSize: 23,
      hiddenSize: 14,
      layers: 2,
      heads: 2,
      intermediateSize: 22,
      maxPositions: 11,
      segments: 2,
      dropout: 0.1,
    });
  });

  it('tells all that is wrong with it', () => {
    const bad = { ...json, model_type: 'roberta', hidden_act: 'relu', vocab_size: '23', type_vocab_size: undefined };
    expect(() => parseBertConfig(bad, 'x.json')).toThrow(
      [
        'x.json: not the configuration of a BERT this package can run:',
        'vocab_size: expected a whole number from 1, got "23"',
        'type_vocab_size: expected a whole number from 1, got undefined',
        'model_type: expected "bert", got "roberta"',
        'hidden_act: expected "gelu", got "relu"',
      ].join('\n  '),
    );
    expect(() => parseBertConfig([], 'x.json')).toThrow(/expected an object, got \[\]/);
    expect(() => parseBertConfig({ ...json, num_attention_heads: 3 })).toThrow(
      /multiple of num_attention_heads, got 14 and 3/,
    );
    expect(() => parseBertConfig({ ...json, hidden_dropout_prob: 1 })).toThrow(
      /hidden_dropout_prob: expected a number in/,
    );
  });
});
