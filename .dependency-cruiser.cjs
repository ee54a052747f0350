/**
 * Import circles anywhere, also of types, and the layers of folders inside the runner. Layers between packages:
 * eslint.config.js.
 */

/**
 * Folders of apps/runner/src from the lowest up; a folder imports lower ones and itself. Files in src itself are the
 * top.
 */
const RUNNER = ['core', 'config', 'run', 'stages', 'jobs', 'commands'];
const folder = (names) => `^apps/runner/src/(${names.join('|')})/`;

module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'A circle of imports has no lowest file to start reading at: move what both need below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...RUNNER.slice(0, -1).map((name, i) => ({
      name: `runner-${name}-imports-lower-folders`,
      comment: `apps/runner/src/${name} imports ${RUNNER.slice(0, i + 1).join(', ')} alone.`,
      severity: 'error',
      from: { path: folder([name]) },
      to: { path: folder(RUNNER.slice(i + 1)) },
    })),
    {
      name: 'runner-folders-import-no-top',
      comment: 'program.ts, cli.ts and index.ts are built on the folders.',
      severity: 'error',
      from: { path: folder(RUNNER) },
      to: { path: '^apps/runner/src/[^/]+$' },
    },
    {
      name: 'not-resolved',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(@tensorflow/tfjs-node|@mediabunny|mediabunny|webgpu)' },
    },
  ],
  options: {
    includeOnly: '^(packages|apps|bench)/[^/]+/src|^bench/src',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@wbdc/source', 'import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
