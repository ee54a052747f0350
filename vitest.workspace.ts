import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { checkingShapes } from './tools/shapes/instrument.js';
import { findTestGpu } from './tools/test-gpu.mjs';

const root = import.meta.dirname;
findTestGpu(); // into the environment of the processes that run tests
const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(`${root}/${group}`).map((name) => ({ name, folder: `${root}/${group}/${name}` })),
);
folders.push({ name: 'tools', folder: `${root}/tools` }, { name: 'shapes', folder: `${root}/tools/shapes` });

/** Threads that tests start run from source too. */
const execArgv = ['--import', `${root}/tools/from-source/register.mjs`];

/** One project per package; tests run from source through the `@wbdc/source` export condition, with no build. */
export default defineConfig({
  test: {
    // The default leaves a core idle, which is half of a small machine.
    maxWorkers: '100%',
    projects: folders.map(({ name, folder }) => ({
      root: folder,
      resolve: { conditions: ['@wbdc/source'] },
      // There, the code of the packages checks its shape comments while it runs.
      plugins: name === 'shapes' ? [checkingShapes()] : [],
      ssr: { resolve: { conditions: ['@wbdc/source'] } },
      test: {
        name,
        include: ['test/**/*.test.ts'],
        // Ends a test that hangs; generous, for a slow machine must not fail one that works.
        testTimeout: 300_000,
        hookTimeout: 300_000,
        pool: 'forks' as const,
        execArgv,
      },
    })),
  },
});
