import { WbdcError } from '@wbdc/io/errors';
import type { Reduction } from '../communicator.js';

/** How a handle (`MPI_Comm`, `MPI_Datatype`, `MPI_Op`) is passed: an address, or a number. */
export type Handle = bigint | number;

/** The element types in use. */
export type ElementType = 'float' | 'double' | 'int' | 'uint16' | 'byte';

/** What differs between the binary interfaces of MPI libraries. */
export interface Abi {
  readonly name: 'Open MPI' | 'MPICH' | 'Intel MPI';
  /** For people. */
  readonly version: string;
  /** C type of a handle. */
  readonly handle: 'uint64_t' | 'int';
  readonly world: Handle;
  readonly types: Readonly<Record<ElementType, Handle>>;
  readonly operations: Readonly<Record<Reduction, Handle>>;
  /** Errors are returned, not fatal. */
  readonly errorsReturn: Handle;
  /** The addresses that mean `MPI_IN_PLACE` and `MPI_STATUS_IGNORE`. */
  readonly inPlace: bigint;
  readonly ignoreStatus: bigint;
}

/**
 * The interface of a library, by what its `MPI_Get_library_version` says; `addressOf` gives the address of a symbol.
 * Open MPI's handles are addresses of its symbols (ompi/include/mpi.h.in), those of MPICH and of what keeps its ABI,
 * such as Intel MPI, are numbers (mpi.h of MPICH 3 and 4).
 *
 * @throws WbdcError where it is none of the three
 */
export function abiOf(version: string, addressOf: (symbol: string) => bigint): Abi {
  const line = version.split('\n')[0].replace(/\s+/g, ' ').trim();
  if (/^Open MPI/i.test(line)) return openMpi(line.split(',')[0], addressOf);
  const number = /(\d+(?:\.\d+)+)/.exec(version)?.[1] ?? '';
  if (/Intel\(R\) MPI/i.test(line)) return mpich('Intel MPI', /Library ([\d.]+)/.exec(line)?.[1] ?? number);
  if (/^MPICH/i.test(line)) return mpich('MPICH', number);
  throw new WbdcError({
    where: 'MPI',
    expected: 'Open MPI, MPICH or Intel MPI',
    got: line.slice(0, 80),
    advice: 'install one of them and start the job with its own mpirun, or name its library in WBDC_MPI_LIBRARY',
    code: 'mpi-abi',
  });
}

function openMpi(version: string, addressOf: (symbol: string) => bigint): Abi {
  return {
    name: 'Open MPI',
    version: version.replace(/^Open MPI v/, 'Open MPI '),
    handle: 'uint64_t',
    world: addressOf('ompi_mpi_comm_world'),
    types: {
      float: addressOf('ompi_mpi_float'),
      double: addressOf('ompi_mpi_double'),
      int: addressOf('ompi_mpi_int'),
      uint16: addressOf('ompi_mpi_unsigned_short'),
      byte: addressOf('ompi_mpi_byte'),
    },
    operations: {
      sum: addressOf('ompi_mpi_op_sum'),
      max: addressOf('ompi_mpi_op_max'),
      min: addressOf('ompi_mpi_op_min'),
    },
    errorsReturn: addressOf('ompi_mpi_errors_return'),
    inPlace: 1n,
    ignoreStatus: 0n,
  };
}

function mpich(name: 'MPICH' | 'Intel MPI', version: string): Abi {
  return {
    name,
    version: `${name} ${version}`,
    handle: 'int',
    world: 0x44000000,
    types: { float: 0x4c00040a, double: 0x4c00080b, int: 0x4c000405, uint16: 0x4c000204, byte: 0x4c00010d },
    operations: { sum: 0x58000003, max: 0x58000001, min: 0x58000002 },
    errorsReturn: 0x54000001,
    inPlace: 0xffff_ffff_ffff_ffffn,
    ignoreStatus: 1n,
  };
}
