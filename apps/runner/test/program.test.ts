import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileError } from '@wbdc/io';
import { describeError } from '../src/core/errors.js';
import { runCommandLine } from '../src/program.js';
import type { Stage, StageContext, StageResult } from '../src/run/stage.js';
import { TestHost } from './host.js';

let folder: string;
let host: TestHost;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-cli-'));
  host = new TestHost(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const done: StageResult = { status: 'complete', read: [], made: [], summary: { videos: 7 } };

function stage(run: (context: StageContext) => Promise<StageResult>): Stage {
  return {
    name: 'data',
    title: 'make something',
    description: 'Makes something.',
    examples: [['wbdc data --name x', 'the usual']],
    needs: [],
    needsEngine: false,
    settings: ({ seed }) => ({ seed }),
    run,
  };
}

const writing = stage(async (context) => {
  host.time += 61_000;
  const path = join(context.folder, 'file');
  await writeFile(path, 'x'.repeat(1234));
  return { ...done, read: [{ path: '/in/put', about: '3 things' }], made: [{ path, about: '1 thing' }] };
});

const run = (args: string, ...stages: Stage[]) => runCommandLine(args.split(' '), host, stages);

describe('a command', () => {
  it('prints what it read and made, and what to run next', async () => {
    expect(await run('data --name demo --set seed=3', writing)).toBe(0);
    expect(host.out).toBe(
      [
        'data: make something',
        'read     /in/put: 3 things',
        'made     runs/demo/data/file (1.2 kB): 1 thing',
        '         videos: 7',
        'done     after 1 min 01 s',
        'next     npx wbdc vocab --name demo --set seed=3',
        '',
      ].join('\n'),
    );
    expect(host.err).toBe('');
  });

  it('prints one JSON object on stdout and the rest on stderr with --json', async () => {
    expect(await run('data --json', writing)).toBe(0);
    expect(JSON.parse(host.out)).toEqual({
      stage: 'data',
      status: 'complete',
      folder: join(folder, 'runs/run/data'),
      seconds: 61,
      read: [{ path: '/in/put', about: '3 things' }],
      made: [{ path: join(folder, 'runs/run/data/file'), about: '1 thing' }],
      summary: { videos: 7 },
      next: 'npx wbdc vocab',
    });
    expect(host.err).toContain('made     runs/run/data/file');
  });

  it('is silent with --quiet', async () => {
    expect(await run('data --quiet', writing)).toBe(0);
    expect(host.out + host.err).toBe('');
  });

  it('does nothing where it is done already', async () => {
    await run('data', writing);
    host.out = '';
    expect(
      await run(
        'data',
        stage(() => Promise.reject(new Error('must not run'))),
      ),
    ).toBe(0);
    expect(host.out).toMatch(
      /^data: already done in runs\/run\/data \(.*\); --overwrite to make it again\n +videos: 7\nnext/,
    );
    expect(await run('data --seed 4', writing)).toBe(1);
    expect(host.err).toContain('runs/run/data was made with other settings:\n  seed: there 1, now 4');
  });

  it('records settings and summary in stage.json', async () => {
    await run('data --seed 5', writing);
    const record: unknown = JSON.parse(await readFile(join(folder, 'runs/run/data/stage.json'), 'utf8'));
    expect(record).toMatchObject({ stage: 'data', status: 'complete', settings: { seed: 5 }, summary: { videos: 7 } });
  });
});

describe('failures', () => {
  const failing = (error: Error): Stage => stage(() => Promise.reject(error));

  it('are one message without a stack, exit code 1', async () => {
    expect(await run('data', failing(new Error('expected a, got b')))).toBe(1);
    expect(host.err).toBe('error: expected a, got b\n');
  });

  it.each(['data --debug', 'data'])('show the stack when debugging: %s', async (args) => {
    if (!args.includes('--debug')) host.env['WBDC_DEBUG'] = '1';
    expect(await run(args, failing(new Error('expected a, got b')))).toBe(1);
    expect(host.err).toMatch(/^error: expected a, got b\nError: expected a, got b\n +at /);
  });

  it.each([
    ['ENOSPC', 'error: the disk is full (/x): free some space, then run the same command with --resume\n'],
    ['EACCES', 'error: permission denied (/x): check the owner and mode of the file and its folder\n'],
    ['ENOENT', 'error: no such file or folder (/x): check the path\n'],
  ])('of the system are explained: %s', async (code, message) => {
    expect(await run('data', failing(Object.assign(new Error('raw'), { code, path: '/x' })))).toBe(1);
    expect(host.err).toBe(message);
  });

  it('of the system that a library has put into words name the file that it names', async () => {
    const cause = Object.assign(new Error('raw'), { code: 'ENOSPC', path: '/x/a.json.tmp' });
    expect(await run('data', failing(fileError('write', '/x/a.json', cause)))).toBe(1);
    expect(host.err).toBe(
      'error: cannot write /x/a.json: the disk is full: free some space, then run the same command with --resume\n',
    );
  });

  it('name the file, not what it was written under, and no option that the command lacks', () => {
    const refusal = (code: string): Error =>
      Object.assign(new Error('raw'), { code, path: '/x/a.json.0123abcd-77-0-0123456789ab.tmp', syscall: 'open' });
    expect(describeError(refusal('ENOSPC'), false, { resume: false, folder: '--out' })).toBe(
      'the disk is full (/x/a.json): free some space, then run the same command again',
    );
    expect(describeError(refusal('EROFS'), false, { resume: false, folder: '--out' })).toBe(
      'the file system is read-only (/x/a.json): choose another folder with --out',
    );
  });

  it('are at most a kilobyte, and with a stack not much more', () => {
    const long = new Error(`x${'y'.repeat(1e6)}: make it again`, { cause: new Error('z'.repeat(1e6)) });
    const message = describeError(long, false);
    expect(message).toMatch(/^xy+ \.\.\. y+: make it again$/);
    expect(message).toHaveLength(1024);
    expect(describeError(long, true).length).toBeLessThan(20_000);
  });

  it.each([
    ['dta', /unknown command 'dta'[\s\S]*Did you mean data\?/],
    ['competition --data=demo --half=aiac', /competition: .*npx nx run lab:competition/],
    ['data --nam x', /unknown option '--nam'[\s\S]*Did you mean --name\?/],
    ['data --threads 0', /expected a whole number from 1, got '0'/],
    ['data --engine gpu', /Allowed choices are auto, ort, cpu, tensorflow, webgpu/],
    ['data --resume --overwrite', /give one of them/],
    ['data --set model', /expected the form --set section\.key=value/],
    ['data extra', /too many arguments/],
  ])('in the command line have exit code 2: %s', async (args, message) => {
    expect(await run(args, writing)).toBe(2);
    expect(host.err).toMatch(message);
    expect(host.out).toBe('');
  });
});

describe('--help', () => {
  it('shows options and examples', async () => {
    expect(await run('data --help', writing)).toBe(0);
    expect(host.out).toContain('Makes something.');
    expect(host.out).toContain('--overwrite');
    expect(host.out).toContain('Examples:\n  wbdc data --name x  the usual');
  });

  it('lists the commands in their order', async () => {
    expect(await runCommandLine(['--help'], host)).toBe(0);
    const commands = ['data', 'vocab', 'clip', 'features', 'pretrain', 'report', 'config'];
    const places = commands.map((name) => host.out.search(new RegExp(`^  ${name} `, 'm')));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });
});

describe('Ctrl-C', () => {
  const interruptible = stage(async ({ signal }) => {
    host.signals.emit('SIGINT');
    return { ...done, status: signal.aborted ? 'interrupted' : 'complete' };
  });

  it('lets the step end, exits 130 and says how to go on', async () => {
    expect(await run('data --name x', interruptible)).toBe(130);
    expect(host.err).toContain('finishing the step; press Ctrl-C again to stop at once');
    expect(host.out).toMatch(/go on {4}npx wbdc data --name x --resume\n$/);
    expect(host.exits).toEqual([]);
    expect(host.signals.listenerCount('SIGINT')).toBe(0);
  });

  it('leaves the stage unfinished: --resume goes on, nothing else does', async () => {
    await run('data', interruptible);
    expect(await run('data', writing)).toBe(1);
    expect(host.err).toMatch(/unfinished data .* add --resume/);
    let resumed: boolean | undefined;
    const resuming = stage((context) => ((resumed = context.resume), writing.run(context)));
    expect(await run('data --resume', resuming)).toBe(0);
    expect(resumed).toBe(true);
  });

  it.each(['SIGTERM', 'SIGHUP'])('takes the reason of %s for an interruption', async (name) => {
    const throwing = stage(async ({ signal }) => {
      host.signals.emit(name);
      signal.throwIfAborted();
      return done;
    });
    expect(await run('data', throwing)).toBe(130);
    expect(host.out).toMatch(/go on {4}npx wbdc data --resume\n$/);
  });

  it('stops at once the second time, but not for the copy a parent process passes on', async () => {
    const stubborn = stage(async () => {
      host.signals.emit('SIGINT');
      host.time += 5;
      host.signals.emit('SIGINT');
      expect(host.exits).toEqual([]);
      host.time += 1000;
      host.signals.emit('SIGINT');
      return { ...done, status: 'interrupted' };
    });
    await run('data', stubborn);
    expect(host.exits).toEqual([130]);
  });
});
