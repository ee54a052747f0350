import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';
import { MODEL_FILES, OLD, TOWER, VIDEO } from './trained/fixtures.js';

/** A finished finetuning of the fixtures, with its tower, as the files of a run. */
function runOf(name: string, kind: string): Record<string, Uint8Array> {
  const stage = `runs/${name}/finetune`;
  const model = [...MODEL_FILES, 'state.json'].map((file) => [`${stage}/model/${file}`, join(OLD, kind, file)]);
  const tower = ['config.json', 'model.safetensors'].map((file) => [`${stage}/tower/${file}`, join(TOWER, file)]);
  return Object.fromEntries([...model, ...tower].map(([to, from]) => [to, readFileSync(from)]));
}

it('runs the snippets of the README', async () => {
  const files = { ...runOf('demo', 'category'), ...runOf('similarity', 'similarity'), 'cat.mp4': readFileSync(VIDEO) };
  const [trained, prepared, features, pretrained, finetuned, evaluated] = await runSnippets(
    resolve(import.meta.dirname, '..'),
    {
      files,
    },
  );
  expect(trained.logged).toEqual([expect.stringMatching(/^cat \d{4} \d{2}$/), '6']);
  expect(prepared.logged).toEqual(['4 2 1 好吃']);
  expect(features.logged).toEqual(['labeled 3', 'test_a 1']);
  expect(pretrained.logged).toEqual([expect.stringMatching(/^120 \{"value":1,/)]);
  expect(finetuned.logged).toEqual([expect.stringMatching(/^32 \{"value":1,/)]);
  expect(evaluated.logged).toEqual(['true', '9']);
});
