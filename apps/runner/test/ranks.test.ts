import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compiled } from '../../../tools/compiled.js';
import { MPIS, run, withoutMpi, type Mpi, type RanksResult } from '../../../tools/mpi.js';
import { makeWorld, type World } from './features/world.js';

const CLI = await compiled('apps/runner/src/cli.ts');
const TOWER = { imageSize: 16, patchSize: 8, width: 8, layers: 1, heads: 2 };
const SETTINGS = `
engine: ort
data: { folder: my, trainSplits: [unlabeled], heldOutSplits: [test_a] }
vocab: { minFrequency: 1 }
clip:
  vision: ${JSON.stringify(TOWER)}
  text: { width: 8, layers: 1, heads: 2, budget: 8 }
  batchSize: 6
  epochs: 4
  checkpointEvery: 5
`;

interface Step {
  readonly type: string;
  readonly step: number;
  readonly loss: number;
}

describe.skipIf(withoutMpi)(`ranks of one training (${withoutMpi ?? 'MPI is installed'})`, () => {
  let world: World;
  const command = (args: string): string[] => [CLI, ...args.split(' '), '--config', 'my.yaml'];
  const start = (program: string, args: readonly string[], env = {}, onStart?: (pid: number) => void) =>
    run(program, args, { folder: world.folder, env, ...(onStart && { onStart }) });
  const alone = (args: string): Promise<RanksResult> => start(process.execPath, command(args));
  const ranks = (
    { command: mpirun, options }: Mpi,
    count: number,
    args: string,
    env = {},
    onStart?: (pid: number) => void,
  ) => start(mpirun, [...options, '-n', String(count), process.execPath, ...command(args)], env, onStart);
  const folderOf = (name: string): string => join(world.folder, 'runs', name, 'clip');
  const steps = (name: string): Step[] => {
    const path = join(folderOf(name), 'metrics.jsonl');
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Step).filter(({ type }) => type === 'step');
  };
  const until = async (name: string, step: number): Promise<void> => {
    while (steps(name).length < step) await sleep(20);
  };
  const difference = (name: string): number => {
    const expected = steps('one');
    const actual = steps(name);
    expect(actual.map(({ step }) => step)).toEqual(expected.map(({ step }) => step));
    return Math.max(...actual.map(({ loss }, i) => Math.abs(loss - expected[i].loss) / Math.abs(expected[i].loss)));
  };

  beforeAll(async () => {
    const tower = { ...TOWER, intermediateSize: 16 };
    world = await makeWorld({ videos: { unlabeled: 30, test_a: 4 }, frames: (i) => 1 + (i % 3), tower });
    await writeFile(join(world.folder, 'my.yaml'), SETTINGS);
    for (const stage of ['data', 'vocab']) {
      expect(await alone(`${stage} --name base`)).toMatchObject({ code: 0 });
    }
    expect(await alone('clip --name one --set run.base=base')).toMatchObject({ code: 0 });
  });
  afterAll(() => rm(world.folder, { recursive: true }));

  it('a signal makes a checkpoint and the code that requeues; other numbers of ranks go on with it', async () => {
    const [openMpi, mpich] = MPIS;
    const args = 'clip --name cut --set run.base=base --resume';
    let launcher = 0;
    const cut = ranks(openMpi, 2, args, { WBDC_REQUEUE: '1' }, (pid) => (launcher = pid));
    await until('cut', 7);
    process.kill(launcher, 'SIGUSR1');
    const { code, stdout } = await cut;
    expect(code).toBe(75);
    expect(stdout.match(/^stopped/gm)).toHaveLength(1); // rank 0 alone speaks
    expect(readFileSync(join(folderOf('cut'), 'ranks/rank-1.log'), 'utf8')).toContain('2 ranks');
    const done = steps('cut').length;
    expect(done).toBeGreaterThanOrEqual(7);
    expect(done).toBeLessThan(20);

    expect(await ranks(mpich, 3, args)).toMatchObject({ code: 0 });
    expect(difference('cut')).toBeLessThan(1e-6);
  });

  it('a killed rank ends the others with its name, and the same command loses nothing', async () => {
    const mpi = MPIS[1];
    const args = 'clip --name killed --set run.base=base --resume';
    const running = ranks(mpi, 2, args);
    await until('killed', 6);
    const log = readFileSync(join(folderOf('killed'), 'ranks/rank-1.log'), 'utf8');
    const begun = performance.now();
    process.kill(Number(/process (\d+)/.exec(log)![1]), 'SIGKILL');
    const { code, stderr } = await running;
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(code).not.toBe(0);
    expect(stderr.match(/has died/g)).toHaveLength(1);
    expect(stderr).toMatch(/rank 1 of 2 \(process \d+ on .*\) has died/);
    expect(await ranks(mpi, 2, args)).toMatchObject({ code: 0 });
    expect(difference('killed')).toBeLessThan(1e-6);
  });

  it('ranks of different configurations refuse to start and say which', async () => {
    const [{ command: mpirun, options }] = MPIS;
    const one = ['-n', '1', process.execPath, ...command('clip --name x --set run.base=base')];
    const { code, stderr } = await start(mpirun, [...options, ...one, ':', ...one, '--set', 'clip.epochs=3']);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/error: expected the same configuration of clip on all 2 ranks, got rank 1 on \S+ has/);
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    expect(existsSync(folderOf('x'))).toBe(false);
  });

  it('ranks of two versions refuse to start and say which', async () => {
    const older = join(world.folder, 'older.mjs');
    await writeFile(
      older,
      `import fs from 'node:fs';
       import { syncBuiltinESMExports } from 'node:module';
       const read = fs.readFileSync;
       const isManifest = (path) => String(path).endsWith('/apps/runner/package.json');
       fs.readFileSync = (path, ...rest) => (isManifest(path) ? '{"version":"0.0.9"}' : read(path, ...rest));
       syncBuiltinESMExports();`,
    );
    const [{ command: mpirun, options }] = MPIS;
    const args = command('clip --name z --set run.base=base');
    const one = ['-n', '1', process.execPath, ...args];
    const other = ['-n', '1', process.execPath, '--import', older, ...args];
    const { code, stderr } = await start(mpirun, [...options, ...one, ':', ...other]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(
      /expected the same wbdc version on all 2 ranks, got rank 1 on \S+ has wbdc version 0\.0\.9;/,
    );
    expect(existsSync(folderOf('z'))).toBe(false);
  });

  it('a stage of one process refuses to run as several', async () => {
    const { stderr } = await ranks(MPIS[1], 2, 'vocab --name y');
    expect(stderr).toContain('vocab: runs in one process, got 2 of mpirun');
  });
});
