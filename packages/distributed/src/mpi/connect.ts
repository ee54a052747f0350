import { WbdcError } from '@wbdc/io/errors';
import type { Communicator } from '../communicator.js';
import { launchedAs, type Launched } from '../launcher.js';
import { single } from '../single.js';
import { startMpi } from './communicator.js';
import { loadMpi } from './library.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The job that this process is one of: by MPI where a launcher started several, else {@link single}. A process can do
 * it once.
 *
 * @throws WbdcError where MPI or koffi are missing, or the launcher belongs to another MPI than the library
 */
export async function connect(env: Environment = process.env): Promise<Communicator> {
  const launched = launchedAs(env);
  if (launched === undefined) return single;
  const library = await loadMpi(env);
  const { communicator } = startMpi(library);
  assertAsLaunched(communicator, launched, library.abi.version);
  return communicator;
}

function assertAsLaunched({ size }: Communicator, { launcher, size: expected }: Launched, version: string): void {
  if (size === expected) return;
  const srun = 'srun --mpi=pmix or --mpi=pmi2 (srun --mpi=list says which there are), or salloc with mpirun';
  const own = `the mpirun of the same MPI (loaded: ${version}), or name the other library in WBDC_MPI_LIBRARY`;
  throw new WbdcError({
    where: launcher,
    expected: `a job of ${expected} ranks, as the launcher says`,
    got: `${size} of ${version}, which it did not start`,
    advice: `start it with ${launcher === 'srun' ? srun : own}`,
    code: 'mpi-launcher',
  });
}
