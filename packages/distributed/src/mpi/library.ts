import { WbdcError } from '@wbdc/io/errors';
import { abiOf, type Abi } from './abi.js';

/** A function of the library, called on this thread, or beside it. */
interface MpiFunction {
  (...args: unknown[]): number;
  async(...args: unknown[]): void;
}

/** The functions in use, by their names without `MPI_`. */
export type MpiFunctions = Readonly<Record<keyof ReturnType<typeof signatures>, MpiFunction>>;

export interface MpiLibrary {
  readonly abi: Abi;
  readonly file: string;
  readonly functions: MpiFunctions;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Koffi = (typeof import('koffi'))['default'];

/** Where what is missing comes from. */
const INSTALL =
  "Open MPI: 'apt-get install openmpi-bin libopenmpi3' (or your cluster's module); " +
  "MPICH: 'apt-get install mpich'; Intel MPI: source its setvars.sh";

/**
 * Loads the MPI library of this machine: the one that `WBDC_MPI_LIBRARY` names, else that of the launcher that started
 * this process, else what is found.
 *
 * @throws WbdcError that says what to install
 */
export async function loadMpi(
  env: Environment,
  load = async (): Promise<Koffi> => (await import('koffi')).default,
): Promise<MpiLibrary> {
  const koffi = await loadKoffi(load);
  const named = env['WBDC_MPI_LIBRARY'];
  const reasons: string[] = [];
  for (const file of named === undefined ? candidates(env) : [named]) {
    try {
      return open(koffi, file);
    } catch (cause) {
      if (cause instanceof WbdcError) throw cause;
      reasons.push((cause instanceof Error ? cause.message : String(cause)).split('\n')[0]);
    }
  }
  throw new WbdcError({
    where: named === undefined ? 'MPI' : 'WBDC_MPI_LIBRARY',
    expected: 'a library of Open MPI, MPICH or Intel MPI',
    got: named === undefined ? 'none' : reasons[0],
    advice: INSTALL,
    code: 'mpi-missing',
  });
}

async function loadKoffi(load: () => Promise<Koffi>): Promise<Koffi> {
  try {
    return await load();
  } catch (cause) {
    const advice = "run 'npm install koffi'";
    throw new WbdcError(
      { where: 'MPI', expected: 'the package koffi, through which it is called', got: 'none', advice, code: 'koffi' },
      { cause },
    );
  }
}

const OPEN_MPI = ['libmpi.so.40', 'libmpi.so.20', 'libmpi.40.dylib', 'libmpi.dylib'];
const MPICH = ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib', 'impi.dll'];

/** Open MPI's launcher names itself; the others speak PMI. */
function candidates(env: Environment): string[] {
  const intel = env['I_MPI_ROOT'] === undefined ? [] : [`${env['I_MPI_ROOT']}/lib/libmpi.so.12`, 'libmpi.so.12'];
  const ofPmi = [...intel, ...MPICH, ...OPEN_MPI, 'libmpi.so'];
  const startedByOpenMpi = env['OMPI_COMM_WORLD_SIZE'] !== undefined || env['PMIX_RANK'] !== undefined;
  return startedByOpenMpi ? [...OPEN_MPI, ...MPICH, 'libmpi.so'] : ofPmi;
}

/** MPICH overflows koffi's own stacks. */
const STACK = 8 << 20;

function open(koffi: Koffi, file: string): MpiLibrary {
  koffi.config({ sync_stack_size: STACK, async_stack_size: STACK });
  // UCX, below MPICH and Open MPI, rewrites brk and munmap while V8's threads are in them: openucx/ucx issue 3831.
  process.env['UCX_MEM_EVENTS'] ??= 'no';
  const library = koffi.load(file);
  const text = Buffer.alloc(1 << 14);
  library.func('int MPI_Get_library_version(_Out_ uint8_t *, _Out_ int *)')(text, [0]);
  const version = text.toString('latin1', 0, text.indexOf(0));
  const abi = abiOf(version, (symbol) => BigInt(koffi.address(library.symbol(symbol, 'void'))));
  const entries = Object.entries(signatures(abi.handle)).map(([name, types]) => {
    return [name, library.func(`int MPI_${name}(${types})`) as MpiFunction];
  });
  return { abi, file, functions: Object.fromEntries(entries) as MpiFunctions };
}

/** `h` is the C type of a handle. What MPI fills in is a typed array of the caller's. */
function signatures(h: Abi['handle']) {
  return {
    Initialized: 'void *',
    Init_thread: 'void *, void *, int, void *',
    Comm_rank: `${h}, void *`,
    Comm_size: `${h}, void *`,
    Comm_dup: `${h}, void *`,
    Comm_set_errhandler: `${h}, ${h}`,
    Error_string: 'int, void *, void *',
    Allreduce: `uint64_t, void *, int, ${h}, ${h}, ${h}`,
    Allgather: `uint64_t, int, ${h}, void *, int, ${h}, ${h}`,
    Allgatherv: `uint64_t, int, ${h}, void *, void *, void *, ${h}, ${h}`,
    Bcast: `void *, int, ${h}, int, ${h}`,
    Alltoall: `void *, int, ${h}, void *, int, ${h}, ${h}`,
    Iallreduce: `uint64_t, void *, int, ${h}, ${h}, ${h}, void *`,
    Iallgather: `uint64_t, int, ${h}, void *, int, ${h}, ${h}, void *`,
    Ialltoall: `void *, int, ${h}, void *, int, ${h}, ${h}, void *`,
    Barrier: h,
    Ibarrier: `${h}, void *`,
    Test: 'void *, void *, uint64_t',
    Abort: `${h}, int`,
    Finalize: 'void',
  };
}
