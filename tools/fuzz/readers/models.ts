import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTrained, parseSavedModel } from '@wbdc/pipeline';
import { openClip, openLineFile, openTower, readCollection, readSavedModel } from '@wbdc/pipeline/node';
import { parseHistory } from '@wbdc/report/history';
import { parseLayout, Tokenizer } from '@wbdc/tokenizer';
import { loadClipTokenizer, loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import { bestOf, findCheckpoint, jsonlSink, loadCheckpoint, saveCheckpoint } from '@wbdc/train/node';
import { parseJson } from '@wbdc/io';
import * as tf from '@tensorflow/tfjs';
import type { Reader } from '../reader.js';
import { copied, fixture, json, text } from './common.js';

const OLD = fixture('pipeline', '0.1.0');
const SIZES = ['1000000000', '"layers":1000000000', '"width":', '"heads":0', '"version":99'];
const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '视', '频', '##频', 'a', '##b'];

/** A parameter to load into. */
const params = () => ({ w: tf.variable(tf.tensor2d([[1, 2]])) });

function trained(kind: string): Reader {
  return {
    name: `pipeline: openTrained (${kind})`,
    corpus: (folder) => copied(join(OLD, kind), folder, ['config.json', 'model.safetensors', 'vocab.txt']),
    tokens: SIZES,
    read: async ({ folder }) => {
      const model = await openTrained(folder);
      await model.close();
    },
  };
}

/** What `readCollection` looks at of a model. */
const EMBEDDER = { hash: 'ab', saved: { kind: 'similarity', head: { outputs: 2 } } } as Parameters<
  typeof readCollection
>[1];

export const MODELS: readonly Reader[] = [
  {
    name: 'pipeline: readCollection',
    corpus: () => [text('all.jsonl', '{"id":"a","model":"ab","embedding":[0.6,0.8]}\n')],
    tokens: ['1e999', '[[', '"embedding":[]'],
    read: ({ path }) => readCollection(path, EMBEDDER),
  },
  {
    name: 'pipeline: openLineFile',
    corpus: () => [text('rows.jsonl', '{"id":"a","model":"ab","input":"0f"}\n{"id":"b"}\n')],
    tokens: ['"id":', '\n', '[1]', '{"id":3}'],
    read: ({ path }) => openLineFile(path, 'add'),
  },
  {
    name: 'tokenizer: loadTokenizer',
    covers: ['tokenizer: Tokenizer.fromFiles', 'tokenizer: Tokenizer.fromVocab'],
    corpus: async (folder) => {
      const made = join(folder, 'made');
      await saveTokenizer(Tokenizer.fromVocab(WORDS), made);
      const config = {
        do_lower_case: true,
        strip_accents: null,
        added_tokens_decoder: { 4: { content: '[MASK]', special: true, single_word: false } },
      };
      const files = [text('vocab.txt', `${WORDS.join('\n')}\n`), json('tokenizer_config.json', config)];
      files.push(json('added_tokens.json', { '[NEW]': 10 }));
      return files;
    },
    tokens: ['"added_tokens":[', '"content":', '"single_word":true', '"id":999999999', '[UNK]', '"vocab":{'],
    read: async ({ folder }) => {
      const tokenizer = await loadTokenizer(folder);
      tokenizer.decode(tokenizer.encode('视频 a视频b [MASK]'));
    },
  },
  {
    name: 'tokenizer: loadTokenizer (tokenizer.json)',
    corpus: async (folder) => {
      const made = join(folder, 'made');
      await saveTokenizer(Tokenizer.fromVocab(WORDS), made);
      const vocab = Object.fromEntries(WORDS.map((word, i) => [word, i]));
      return [
        json('tokenizer.json', {
          added_tokens: [{ id: 4, content: '[MASK]', special: true, single_word: false, lstrip: false, rstrip: false }],
          normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
          pre_tokenizer: { type: 'BertPreTokenizer' },
          model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab },
        }),
      ];
    },
    tokens: ['"added_tokens":[', '"content":', '"single_word":true', '"id":999999999', '[UNK]', '"vocab":{', '"type":'],
    read: async ({ path }) => {
      const tokenizer = await loadTokenizer(path);
      tokenizer.decode(tokenizer.encode('视频 a视频b [MASK]'));
    },
  },
  {
    name: 'tokenizer: loadClipTokenizer',
    covers: ['tokenizer: ClipTokenizer.fromFiles'],
    corpus: (folder) =>
      copied(fixture('tokenizer', 'clip-tokenizer/published'), folder, [
        'vocab.json',
        'merges.txt',
        'tokenizer_config.json',
      ]),
    tokens: ['"<|endoftext|>":', '#version: 0.2', '"__proto__":1', '":-1', '":1e999'],
    read: async ({ folder }) => void (await loadClipTokenizer(folder)).encode('视频 a cat<|endoftext|>'),
  },
  {
    name: 'tokenizer: loadClipTokenizer (tokenizer.json)',
    corpus: (folder) => copied(fixture('tokenizer', 'clip-tokenizer/whole'), folder, ['tokenizer.json']),
    tokens: ['"added_tokens":[', '"content":', '"merges":[', '"normalized":true', '"vocab":{', '"type":'],
    read: async ({ folder }) => void (await loadClipTokenizer(folder)).encode('视频 a cat<|endoftext|>'),
  },
  {
    name: 'tokenizer: parseLayout',
    corpus: () => [
      json('layout.json', { fields: ['title', 'ocr'], budget: 24, limits: { title: 9 }, separatorFirst: true }),
    ],
    read: ({ bytes, path }) => parseLayout(parseJson(bytes.toString(), path), path),
  },
  {
    name: 'pipeline: readSavedModel',
    covers: ['pipeline: parseSavedModel'],
    corpus: (folder) => copied(join(OLD, 'category'), folder, ['config.json']),
    tokens: SIZES,
    read: async ({ folder, path, bytes }) => {
      await readSavedModel(folder);
      parseSavedModel(parseJson(bytes.toString(), path), path);
    },
  },
  trained('category'),
  trained('pretrained'),
  trained('similarity'),
  {
    name: 'pipeline: openTower',
    corpus: (folder) => copied(join(OLD, 'clip'), folder, ['config.json', 'model.safetensors']),
    tokens: SIZES,
    read: ({ folder }) => openTower(folder),
  },
  {
    name: 'pipeline: openClip',
    corpus: (folder) => copied(join(OLD, 'clip'), folder, ['config.json', 'model.safetensors', 'vocab.txt']),
    tokens: SIZES,
    read: async ({ folder }) => (await openClip(folder)).close(),
  },
  {
    name: 'train: loadCheckpoint',
    covers: ['train: loadParams', 'train: findCheckpoint'],
    corpus: async (folder) => {
      const made = join(folder, 'made');
      const content = { params: params(), config: { width: 2 }, state: { step: 3, seed: 1, cursor: { at: 7 } } };
      await saveCheckpoint(made, content);
      return ['state.json', 'config.json', 'model.safetensors'].map((name) => ({
        name,
        bytes: readFileSync(join(made, name)),
      }));
    },
    read: async ({ folder }) => {
      await findCheckpoint(folder);
      const target = params();
      try {
        await loadCheckpoint(folder, { params: target, config: { width: 2 } });
      } finally {
        target.w.dispose();
      }
    },
  },
  {
    name: 'train: bestOf',
    corpus: () => [json('best.json', [{ step: 3, score: 0.5 }])],
    read: ({ folder }) => bestOf(folder),
  },
  {
    name: 'train: jsonlSink',
    corpus: () => [text('metrics.jsonl', `${JSON.stringify({ type: 'step', step: 1, metrics: {} })}\n`.repeat(3))],
    lenient: true,
    read: async ({ path }) => {
      const sink = await jsonlSink(path, 1);
      await sink.write({ type: 'evaluation', step: 2, metrics: {}, seconds: 1 });
      await sink.close?.();
    },
  },
  {
    name: 'report: parseHistory',
    corpus: () => [
      text(
        'metrics.jsonl',
        [
          { type: 'step', step: 1, loss: 1, learningRate: 0.1, gradNorm: 1, metrics: { 'mlm/loss': 1 } },
          { type: 'evaluation', step: 1, metrics: { 'mlm/accuracy': 0.5, 'mlm/accuracy baseline': 0.1 } },
        ]
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(''),
      ),
    ],
    lenient: true,
    read: ({ bytes }) => parseHistory(bytes.toString()),
  },
];
