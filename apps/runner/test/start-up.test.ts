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

/** The same, but for what compiles the sources, which is loaded once. */
function startedAgain(...args: readonly string[]): ReturnType<typeof started> {
  const { file } = started(...args);
  rmSync(file);
  return started(...args);
}

/** What a command line prints, and the modules that it loads. */
function started(...args: readonly string[]): { text: string; modules: string[]; file: string } {
  const list = join(folder, `${args.join(' ').replaceAll('/', '-').slice(-100)}.txt`);
  const loaders = ['from-source', 'count-modules'].flatMap((name) => [
    '--import',
    at(`../../../tools/${name}/register.mjs`),
  ]);
  const env = { ...process.env, VITEST: undefined, WBDC_MODULES: list };
  const command = [...loaders, at('../src/cli.ts'), ...args];
  const text = execFileSync(process.execPath, command, { env, encoding: 'utf8' });
  return { text, modules: readFileSync(list, 'utf8').trim().split('\n'), file: list };
}

describe('the start', () => {
  it('of --help loads the list of commands and none of what they need', () => {
    const { text, modules } = startedAgain('--help');
    for (const { summaries } of [...STAGE_COMMANDS, ...OTHER_COMMANDS]) {
      for (const name of Object.keys(summaries)) expect(text).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(modules.filter((url) => /zod|tfjs|sharp|linkedom|pipeline/.test(url))).toEqual([]);
    expect(modules.length).toBeLessThan(25);
  });

  it("of a command's --help loads no engine, no decoder and no other command", () => {
    const { text, modules } = startedAgain('predict', '--help');
    expect(text).toContain('Usage: wbdc predict');
    expect(modules.filter((url) => /zod|tfjs|sharp|linkedom|commands\/(prepare|serve\/)/.test(url))).toEqual([]);
    expect(modules.length).toBeLessThan(80);
  });

  it('of predict loads the engine that it computes with, and no other', () => {
    const models = at('../../../packages/pipeline/test/fixtures/0.1.0');
    const model = ['--checkpoint', `${models}/category`, '--tower', `${models}/clip`];
    const { text, modules } = started('predict', `${models}/video.zip`, ...model, '--title', '包裹', '--engine', 'cpu');
    expect(text).toContain('"category"');
    const others = /tfjs-backend-ort|tfjs-backend-webgpu|tfjs-node|onnxruntime/;
    expect(modules.filter((url) => others.test(url))).toEqual([]);
    // Nor what trains or prepares data.
    const training = /pipeline\/src\/(prepare|pretrain|evaluate|training\/run|finetune\/finetune)/;
    expect(modules.filter((url) => training.test(url))).toEqual([]);
  });
});
