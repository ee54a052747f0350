import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { OTHER_COMMANDS, STAGE_COMMANDS } from '../src/commands/table.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wbdc-start-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What a command line prints, and the modules that it loads. */
function started(...args: readonly string[]): { text: string; modules: string[] } {
  const list = join(folder, `${args.join(' ')}.txt`);
  const loaders = ['from-source', 'count-modules'].flatMap((name) => [
    '--import',
    at(`../../../tools/${name}/register.mjs`),
  ]);
  const env = { ...process.env, VITEST: undefined, WBDC_MODULES: list };
  const command = [...loaders, at('../src/cli.ts'), ...args];
  const run = () => execFileSync(process.execPath, command, { env, encoding: 'utf8' });
  run(); // what compiles the sources is loaded too, once
  rmSync(list);
  const text = run();
  return { text, modules: readFileSync(list, 'utf8').trim().split('\n') };
}

describe('the start', () => {
  it('of --help loads the list of commands and none of what they need', () => {
    const { text, modules } = started('--help');
    for (const { summaries } of [...STAGE_COMMANDS, ...OTHER_COMMANDS]) {
      for (const name of Object.keys(summaries)) expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(modules.filter((url) => /zod|tfjs|sharp|linkedom|pipeline/.test(url))).toEqual([]);
    expect(modules.length).toBeLessThan(25);
  });

  it("of a command's --help loads no engine, no decoder and no other command", () => {
    const { text, modules } = started('predict', '--help');
    expect(text).toContain('Usage: wbdc predict');
    expect(modules.filter((url) => /zod|tfjs|sharp|linkedom|commands\/(prepare|serve\/)/.test(url))).toEqual([]);
    expect(modules.length).toBeLessThan(80);
  });
});
