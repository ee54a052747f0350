import { readdirSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { checkingShapes } from './tools/shapes/instrument.js';
import { findTestGpu } from './tools/test-gpu.mjs';

const root = import.meta.dirname;
findTestGpu(); // into the environment of the processes that run tests
const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(`${root}/${group}`).map((name) => ({ name, folder: `${root}/${group}/${name}` })),
);
folders.push({ name: 'tools', folder: `${root}/tools` }, { name: 'shapes', folder: `${root}/tools/shapes` });

/**
 * Packages whose tests change nothing that belongs to the process: they share it, and load what they import once, which
 * takes longer than most of them.
 */
const SHARING = [
  ...['checkpoints', 'clip-model', 'data', 'demo-data', 'ensemble-svd', 'lxmert-model', 'metrics', 'nn'],
  ...['pretrain-tasks', 'report', 'tokenizer', 'uni-model'],
];

/** Threads that tests start run from source too. */
const execArgv = ['--import', `${root}/tools/from-source/register.mjs`];

/** Tests run from source through the `@wbdc/source` export condition, with no build. */
const project = (
  name: string,
  folder: string,
  include: string[],
  isolate: boolean,
): TestProjectInlineConfiguration => ({
  root: folder,
  resolve: { conditions: ['@wbdc/source'] },
  // There, the code of the packages checks its shape comments while it runs.
  plugins: name === 'shapes' ? [checkingShapes()] : [],
  ssr: { resolve: { conditions: ['@wbdc/source'] } },
  test: {
    name,
    include,
    isolate,
    // Ends a test that hangs; generous, for a slow machine must not fail one that works.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    execArgv,
  },
});

/** One project per package, but one for all that share a process. */
export default defineConfig({
  test: {
    // The default leaves a core idle, which is half of a small machine.
    maxWorkers: '100%',
    projects: [
      project('units', root, [`packages/{${SHARING.join(',')}}/test/**/*.test.ts`], false),
      ...folders
        .filter(({ name }) => !SHARING.includes(name))
        .map(({ name, folder }) => project(name, folder, ['test/**/*.test.ts'], true)),
    ],
  },
});
