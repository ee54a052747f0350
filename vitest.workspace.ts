import { readdirSync } from 'node:fs';
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { threadsCompiled } from './tools/compiled.js';
import { LongestFirst } from './tools/longest-first.js';
import { checkingShapes } from './tools/shapes/instrument.js';
import { findTestGpu } from './tools/test-gpu.mjs';

const root = import.meta.dirname;
findTestGpu(); // into the environment of the processes that run tests
const folders = ['packages', 'apps'].flatMap((group) =>
  readdirSync(`${root}/${group}`).map((name) => ({ name: `${group}/${name}`, folder: `${root}/${group}/${name}` })),
);
folders.push({ name: 'tools', folder: `${root}/tools` }, { name: 'shapes', folder: `${root}/tools/shapes` });

/**
 * Packages whose tests change nothing that belongs to the process, or give it back: they share it, and load what they
 * import once, which takes longer than most of them.
 */
const SHARING = {
  apps: ['apps/lab', 'apps/runner', 'packages/pipeline', 'packages/serve'],
  units: [
    ...['checkpoints', 'clip-model', 'data', 'demo-data', 'distributed', 'ensemble-svd', 'finetune', 'io'],
    ...['lxmert-model', 'metrics', 'nn', 'pretrain-tasks', 'report', 'search', 'tokenizer', 'train', 'uni-model'],
    'video-features',
  ].map((name) => `packages/${name}`),
};

/**
 * Of them those with a process of their own: they replace modules or engines, measure memory, run what users do, or
 * take so long that loading is nothing beside it.
 */
const ALONE = [
  'apps/runner/test/{doctor,ranks,readme}.test.ts',
  'apps/runner/test/{check/shipped,kill/*}.test.ts',
  'packages/finetune/test/{native,submission}.test.ts',
  'packages/io/test/marks.test.ts',
  'packages/pipeline/test/prepare/growth.test.ts',
  'packages/pipeline/test/trained/{browser,open,processor}.test.ts',
  'packages/pipeline/test/training/fresh-weights.test.ts',
  'packages/video-features/test/{clip-half,find-many}.test.ts',
  'packages/{pipeline,serve,train,video-features}/test/readme.test.ts',
];

/** Then threads run from source: what is compiled is not compiled anew. */
const WATCHING = !process.argv.includes('run');

/** Threads that tests start from source. */
const execArgv = ['--import', `${root}/tools/from-source/register.mjs`];

interface Shared {
  readonly share: boolean;
  /** Files that belong to another project. */
  readonly exclude?: readonly string[];
}

/** Tests run from source through the `@wbdc/source` export condition, with no build. */
const project = (
  name: string,
  folder: string,
  include: readonly string[],
  { share, exclude = [] }: Shared,
): TestProjectInlineConfiguration => ({
  root: folder,
  resolve: { conditions: ['@wbdc/source'] },
  // There, the code of the packages checks its shape comments while it runs.
  plugins: [...(name === 'shapes' ? [checkingShapes()] : []), ...(WATCHING ? [] : [threadsCompiled()])],
  ssr: { resolve: { conditions: ['@wbdc/source'] } },
  test: {
    name,
    include: [...include],
    exclude: [...configDefaults.exclude, ...exclude],
    isolate: !share,
    setupFiles: share ? [`${root}/tools/shared-process.ts`] : [],
    // Ends a test that hangs; generous, for a slow machine must not fail one that works.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    execArgv,
  },
});

const shared = Object.entries(SHARING).map(([name, among]) => {
  const include = among.map((folder) => `${folder}/test/**/*.test.ts`);
  return project(name, root, include, { share: true, exclude: ALONE });
});
const isShared = (folder: string): boolean =>
  Object.values(SHARING).some((among) => among.some((each) => folder === `${root}/${each}`));

/**
 * One project per package, but for those that share a process, and those of them that need their own. Projects run in
 * the order of their names: the small files of `units` come last, and keep all cores in work.
 */
export default defineConfig({
  test: {
    // The default leaves a core idle, which is half of a small machine.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    projects: [
      ...shared,
      project('alone', root, ALONE, { share: false }),
      ...folders
        .filter(({ folder }) => !isShared(folder))
        .map(({ name, folder }) => project(name, folder, ['test/**/*.test.ts'], { share: false })),
    ],
  },
});
