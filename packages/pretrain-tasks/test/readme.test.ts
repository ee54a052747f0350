import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { extractSnippets, runSnippets } from '../../../tools/readme.js';

const folder = resolve(import.meta.dirname, '..');

it('runs the snippets of the README, which print what they say', async () => {
  const readme = readFileSync(resolve(folder, 'README.md'), 'utf8');
  const said = extractSnippets(readme).map(({ code }) => /console\.log\(.*\/\/ (.*)/.exec(code)?.[1]);
  const runs = await runSnippets(folder);
  expect(runs.map(({ logged }) => logged.at(-1))).toEqual(said);
});

it('shows every task alone in at most 15 lines', () => {
  const { exports } = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')) as { exports: object };
  const tasks = Object.keys(exports).filter((path) => path !== '.' && path !== './package.json');
  const snippets = extractSnippets(readFileSync(resolve(folder, 'README.md'), 'utf8')).slice(1);
  expect(snippets.map(({ code }) => /pretrain-tasks(\/\w+)/.exec(code)?.[1]).sort()).toEqual(
    tasks.map((path) => path.slice(1)).sort(),
  );
  for (const { code } of snippets) expect(code.trim().split('\n').length).toBeLessThanOrEqual(15);
});
