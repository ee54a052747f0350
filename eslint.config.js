import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import wbdc from './tools/eslint/rules.js';

/** A package imports lower layers only. */
const layers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const depConstraints = layers.map((layer) => ({
  sourceTag: `layer:${layer}`,
  onlyDependOnLibsWithTags: layers.filter((lower) => lower < layer).map((lower) => `layer:${lower}`),
}));

export default tseslint.config(
  { ignores: ['**/dist/', 'runs/', '.nx/', '**/fixtures/', 'coverage/', '**/.venv/'] },
  eslint.configs.recommended,
  ...tseslint.configs.strict,
  {
    plugins: { '@nx': nx, wbdc },
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly' } },
    rules: {
      'wbdc/line-length': 'error',
      'wbdc/prettier-ignore-reason': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          depConstraints,
          checkDynamicDependenciesExceptions: ['.*'],
          enforceBuildableLibDependency: false,
          ignoredCircularDependencies: [['tools', '*']], // tests, which Nx counts too, share the helpers in tools
        },
      ],
    },
  },
  { files: ['**/*.cjs'], languageOptions: { globals: { module: 'readonly' } } },
  { files: ['**/test/**', 'tools/*.ts'], rules: { 'max-lines-per-function': 'off' } },
);
