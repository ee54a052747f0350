import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const readmes = ['README.md', ...['packages', 'apps'].flatMap(inFolder)].filter((path) => existsSync(join(root, path)));

function inFolder(group: string): string[] {
  return readdirSync(join(root, group)).map((name) => join(group, name, 'README.md'));
}

/** Snippets marked `ts`, by the name of a file beside the README: there is none, the compiler is handed the text. */
function snippets(): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of readmes) {
    const text = readFileSync(join(root, path), 'utf8');
    [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].forEach((match, i) => {
      found.set(join(root, path).replace('README.md', `readme-snippet-${i + 1}.ts`), match[1]);
    });
  }
  return found;
}

it('snippets of READMEs pass the strict compiler', () => {
  const files = snippets();
  expect(files.size).toBeGreaterThan(readmes.length / 2);
  const { config } = ts.readConfigFile(join(root, 'tsconfig.test.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [...files.keys()] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.fileExists = (path) => files.has(path) || fileExists(path);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    const text = files.get(path);
    // Top-level await wants a module.
    return text === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, `${text}\nexport {};\n`, rest[0]);
  };
  const program = ts.createProgram([...files.keys()], { ...options, noUnusedLocals: false }, host);
  const problems = [...files.keys()].flatMap((path) => {
    const source = program.getSourceFile(path)!;
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  expect(
    ts.formatDiagnostics(problems, { ...ts.sys, getCanonicalFileName: (name) => name, getNewLine: () => '\n' }),
  ).toBe('');
});

it('READMEs that install packages of ours say how to do so from a clone, until they are published', () => {
  const text = (path: string): string => readFileSync(join(root, path), 'utf8');
  expect(text('README.md')).toMatch(/## From your own code[\s\S]*npm pack --workspaces/);
  const installing = readmes.filter((path) => path.startsWith('packages') && /npm install .*@wbdc\//.test(text(path)));
  expect(installing.length).toBeGreaterThan(20);
  expect(installing.filter((path) => !text(path).includes('](../../README.md#from-your-own-code)'))).toEqual([]);
});
