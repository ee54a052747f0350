import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FROM_SOURCE, run, withoutMpi, withoutSlurm } from '../../../tools/mpi.js';

const program = [process.execPath, ...FROM_SOURCE, join(import.meta.dirname, 'programs/collectives.ts')];
const missing = withoutSlurm ?? withoutMpi;

describe.skipIf(missing)(`two nodes of Slurm (${missing ?? 'installed'})`, () => {
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
});
