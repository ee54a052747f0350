import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
const lines = text
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const of = (instruction: string): string[] =>
  lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));

describe('the Dockerfile', () => {
  it('is one by the rules of the format', () => {
    expect(validate(text)).toEqual([]);
    expect(validate('FORM node\nRUN true').length).toBeGreaterThan(0); // it does look
  });

  it('builds from the lock file, on a base that does not move, of a Node that is supported', () => {
    expect(of('RUN').filter((command) => /npm (install|i) /.test(command))).toEqual([]);
    expect(of('RUN').some((command) => command.startsWith('npm ci '))).toBe(true);
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
    for (const image of of('FROM')) expect(image).toMatch(/^node:20\.19-bookworm-slim( AS \w+)?$/);
    expect(engines.node).toBe('>=20.19');
  });

  it('runs without rights, as the user of the manifests', () => {
    const manifests = readFileSync(join(root, 'packages/distributed/src/kubernetes.ts'), 'utf8');
    const user = /const USER = (\d+);/.exec(manifests)![1];
    expect(of('USER')).toEqual([user]);
    expect(text).toContain(`useradd --create-home --uid ${user} wbdc`);
    expect(lines.findIndex((line) => line.startsWith('USER'))).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('RUN')),
    );
  });

  it('copies what is there, and nothing that was built or downloaded here', () => {
    for (const from of of('COPY').filter((copy) => !copy.startsWith('--from='))) {
      expect(existsSync(join(root, from.split(' ')[0])), from).toBe(true);
    }
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.git', '**/node_modules', '**/dist', 'runs']));
  });
});
