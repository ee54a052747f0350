import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { transpile } from '../transpile.mjs';

const root = mkdtempSync(join(tmpdir(), 'wbdc-transpile-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function project(name: string, references: readonly string[], sources: Record<string, string>): string {
  const folder = join(root, name);
  mkdirSync(join(folder, 'src', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  const paths = references.map((path) => ({ path: `../${path}` }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ references: paths }));
  for (const [file, text] of Object.entries(sources)) writeFileSync(join(folder, 'src', file), text);
  return folder;
}

it('makes what is missing or older than its source, of a project and what it refers to', async () => {
  project('words', [], { 'deep/word.ts': `export const word: number = 'hello';` }); // types are nothing to it
  const main = project('main', ['words'], {
    'main.ts': `import { word } from '../../words/dist/deep/word.js';\nconst said: string = word;\nconsole.log(said);`,
    'types.d.ts': 'export type Nothing = never;',
  });
  const run = (): string => execFileSync(process.execPath, [join(main, 'dist', 'main.js')], { encoding: 'utf8' });
  expect(await transpile([main])).toBe(2);
  expect(run()).toBe('hello\n');
  expect(readdirSync(join(main, 'dist')).sort()).toEqual(['main.js', 'main.js.map']);
  expect(await transpile([main])).toBe(0);

  const word = join(root, 'words', 'src', 'deep', 'word.ts');
  writeFileSync(word, `export const word = 'changed';`);
  const later = new Date(Date.now() + 5000);
  utimesSync(word, later, later);
  expect(await transpile([main])).toBe(1);
  expect(run()).toBe('changed\n');
});

it('is what a command line of a fresh clone is built by, once', () => {
  const repository = join(import.meta.dirname, '../..');
  const main = project('apps/main', [], { 'cli.ts': `console.log('works' as string);` });
  mkdirSync(join(main, 'bin'));
  mkdirSync(join(root, 'tools'));
  symlinkSync(join(repository, 'tools/transpile.mjs'), join(root, 'tools/transpile.mjs'));
  cpSync(join(repository, 'apps/runner/bin/run-compiled.js'), join(main, 'bin/run-compiled.js'));
  const program = join(main, 'bin/main.js');
  writeFileSync(
    program,
    `import { runCompiled } from './run-compiled.js';\nawait runCompiled(import.meta.url, 'main');`,
  );
  const run = () => spawnSync(process.execPath, [program], { encoding: 'utf8' });
  expect(run()).toMatchObject({ status: 0, stdout: 'works\n', stderr: expect.stringContaining('main: building once') });
  expect(run()).toMatchObject({ status: 0, stdout: 'works\n', stderr: '' });
});
