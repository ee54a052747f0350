import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('what commands run from source needs nothing that Node 20 does not parse', () => {
  const folders = ['packages', 'apps/runner', 'apps/lab', 'apps/web'].map((name) => join(root, name));
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /(^|\/)src\/.*\.ts$/.test(name) && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );
  expect(files.length).toBeGreaterThan(500);
  const declared = files.filter((file) => /^\s*(await )?using \w+ =/m.test(readFileSync(file, 'utf8')));
  expect(declared).toEqual([]);
});
