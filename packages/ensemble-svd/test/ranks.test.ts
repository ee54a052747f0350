import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MPIS, runRanks, withoutMpi } from '../../../tools/mpi.js';

describe.skipIf(withoutMpi)(`rows divided over ranks (${withoutMpi ?? 'MPI is installed'})`, () => {
  it.each(MPIS)('$name: the ensemble of one machine to 1e-10, with a rank that has no rows', async (mpi) => {
    const { code, stdout, stderr } = await runRanks(mpi, 3, join(import.meta.dirname, 'programs/fit.ts'));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual(['right 0', 'right 1', 'right 2']);
  });
});
