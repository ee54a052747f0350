import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { submitToSlurm, watchSlurm, type SlurmJob, type SlurmState } from '@wbdc/distributed/slurm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compiled } from '../../../tools/compiled.js';
import { run, withoutMpi, withoutSlurm } from '../../../tools/mpi.js';

const program = [process.execPath, await compiled(join(import.meta.dirname, 'programs/collectives.ts'))];
const missing = withoutSlurm ?? withoutMpi;

describe.skipIf(missing)(`two nodes of Slurm (${missing ?? 'installed'})`, () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-slurm-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('salloc with mpirun: a rank on each node', async () => {
    const nodes = ['-N2', '-n2', '--quiet', '--immediate=60'];
    const mpirun = ['mpirun.openmpi', '--bind-to', 'none', '-n', '2'];
    const { code, stdout, stderr } = await run('salloc', [...nodes, ...mpirun, ...program]);
    expect(code, stderr).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      expect.stringMatching(/^rank 0 of 2 right: Open MPI/),
      expect.stringMatching(/^rank 1 of 2 right: Open MPI/),
    ]);
  });

  it('srun without MPI is refused with the srun that has it', async () => {
    const { code, stderr } = await run('srun', ['-N2', '-n2', '--quiet', '--mpi=none', '--immediate=60', ...program]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/srun: expected a job of 2 ranks, as the launcher says, got 1 of .*srun --mpi=pmix/);
  });

  const states = async (jobs: readonly SlurmJob[]): Promise<Record<string, SlurmState>> => {
    const submitted = await submitToSlurm(jobs, { folder: join(folder, 'jobs'), workingFolder: folder });
    const all = await watchSlurm(submitted, { onState: () => undefined, everySeconds: 0.3 });
    return Object.fromEntries(all);
  };
  const job = (
    name: string,
    script: string,
    needs: readonly string[] = [],
    more: Partial<SlurmJob> = {},
  ): SlurmJob => ({
    ...{ name, needs },
    command: ['bash', '-c', script],
    ...more,
  });
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

  it('runs jobs after those they need, arrays, ranks, and none after one that failed', async () => {
    const jobs = [
      job('first', 'sleep 1; echo "$IT" > first', [], { env: { IT: "it's" } }),
      job('the parts', 'cat first > "$OUT-of-$SLURM_ARRAY_TASK_COUNT"', ['first'], {
        array: 2,
        env: { OUT: 'part-%a' },
      }),
      job('joined', 'cat part-0-of-2 part-1-of-2 > joined', ['the parts']),
      { name: 'ranks', needs: ['first'], ranks: 2, command: [...OUTSIDE, ...program], env: ROOT },
      job('bad', 'echo out of reasons; exit 3', ['first']),
      job('after bad', 'echo never > never', ['bad', 'joined']),
    ];
    const expected = { first: 'done', 'the parts': 'done', joined: 'done', ranks: 'done' };
    expect(await states(jobs)).toEqual({ ...expected, bad: 'failed', 'after bad': 'blocked' });
    expect(await read('joined')).toBe("it's\nit's\n");
    expect(await read('jobs/bad.txt')).toBe('out of reasons\n');
    expect((await read('jobs/ranks.txt')).match(/^rank \d of 2 right/gm)).toHaveLength(2);
    await expect(read('never')).rejects.toThrow();

    // Again: what is done with the same command is not run again.
    await writeFile(join(folder, 'joined'), 'as it was');
    const again = [...jobs.slice(0, 4), job('bad', 'exit 0', ['first']), jobs[5]];
    expect(await states(again)).toEqual({ ...expected, bad: 'done', 'after bad': 'done' });
    expect(await read('joined')).toBe('as it was');
  });

  it('puts back into the queue what a signal before its end has stopped', async () => {
    const script =
      'trap "exit 75" USR1; echo go >> runs; [ $(wc -l < runs) = 2 ] && exit 0; for i in {1..200}; do sleep 0.1; done';
    const submitted = await submitToSlurm([job('long', script)], {
      folder: join(folder, 'jobs'),
      workingFolder: folder,
    });
    let sent = 0;
    const seen: SlurmState[] = [];
    const all = await watchSlurm(submitted, {
      everySeconds: 0.3,
      onState: (_job, state) => void seen.push(state),
      onLook: async () => {
        // Slurm would begin it in two minutes; in the very second of the requeue a node refuses it.
        if (sent > 0 && Date.now() > sent + 3000)
          await run('scontrol', ['update', `JobId=${submitted[0].id}`, 'StartTime=now']);
        else if (sent === 0 && (await read('runs').catch(() => '')) !== '') {
          sent = Date.now();
          expect(await run('scancel', ['--batch', '--signal=USR1', submitted[0].id])).toMatchObject({ code: 0 });
        }
      },
    });
    expect(all.get('long')).toBe('done');
    expect(seen.filter((state) => state === 'running').length).toBeGreaterThanOrEqual(1);
    expect(await read('runs')).toBe('go\ngo\n');
  });

  it('says what Slurm refuses, and leaves nothing behind', async () => {
    const jobs = [job('a', 'sleep 60'), job('b', 'true', ['a'])];
    const options = { folder: join(folder, 'jobs'), workingFolder: folder, sbatch: ['--partition=none'] };
    await expect(submitToSlurm(jobs, options)).rejects.toThrow(
      /sbatch: expected Slurm to take the job, got .*partition/,
    );
    expect((await run('squeue', ['--me', '--noheader', '--format=%j'])).stdout).not.toMatch(/^[ab]$/m);
  });
});

/** Without what tells a process that it is of the test runner. */
const OUTSIDE = ['env', '-u', 'VITEST', '-u', 'NODE_OPTIONS'];

/** Debian's Open MPI refuses root, as which tests may run. */
const ROOT = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
