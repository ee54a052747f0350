import { describe, expect, it } from 'vitest';
import { single } from '@wbdc/distributed';
import { connect, launchedAs } from '@wbdc/distributed/node';
import { abiOf } from '../src/mpi/abi.js';
import { loadMpi } from '../src/mpi/library.js';

describe('what a launcher says', () => {
  it.each([
    [{ OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '8' }, 3, 8, 'mpirun of Open MPI'],
    [{ PMI_RANK: '0', PMI_SIZE: '2' }, 0, 2, 'mpirun of MPICH or Intel MPI'],
    [{ SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4', SLURM_NTASKS: '4' }, 1, 4, 'srun'],
  ])('%o', (env, rank, size, launcher) => expect(launchedAs(env)).toEqual({ rank, size, launcher }));

  it.each([{}, { OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' }, { SLURM_PROCID: '0', SLURM_NTASKS: '4' }])(
    '%o is one process',
    async (env) => {
      expect(launchedAs(env)).toBeUndefined();
      expect(await connect(env)).toBe(single);
    },
  );
});

describe('the library', () => {
  const addressOf = (symbol: string): bigint => BigInt(symbol.length);
  it.each([
    ['Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4', 'Open MPI', 'Open MPI 4.1.4', 'uint64_t'],
    ['MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7', 'MPICH', 'MPICH 4.0.2', 'int'],
    ['Intel(R) MPI Library 2021.11 for Linux* OS\n', 'Intel MPI', 'Intel MPI 2021.11', 'int'],
  ])('is told apart by its version: %s', (text, name, version, handle) => {
    expect(abiOf(text, addressOf)).toMatchObject({ name, version, handle });
  });

  it('of another interface is refused with what to do', () => {
    expect(() => abiOf('MVAPICH2-X 2.3', addressOf)).toThrow(
      /MPI: expected Open MPI, MPICH or Intel MPI, got MVAPICH2-X 2.3: install one of them .*WBDC_MPI_LIBRARY/,
    );
  });

  it('that is missing, and koffi that is, are named with what to install', async () => {
    const missing = () => Promise.reject(new Error("Cannot find package 'koffi'"));
    await expect(loadMpi({}, missing)).rejects.toThrow(
      /expected the package koffi, .* got none: run 'npm install koffi'/,
    );
    await expect(loadMpi({ WBDC_MPI_LIBRARY: '/nowhere/libmpi.so' })).rejects.toThrow(
      /WBDC_MPI_LIBRARY: expected a library of Open MPI, MPICH or Intel MPI, got .*apt-get install openmpi-bin/,
    );
  });
});
