import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from './compiled.js';

/** An MPI of this machine whose launcher and library are there. */
export interface Mpi {
  readonly name: string;
  readonly command: string;
  readonly options: readonly string[];
}

const root = join(import.meta.dirname, '..');

const KNOWN: readonly Mpi[] = [
  { name: 'Open MPI', command: 'mpirun.openmpi', options: ['--oversubscribe', '--bind-to', 'none'] },
  { name: 'MPICH', command: 'mpirun.mpich', options: [] },
];

/** Those of {@link KNOWN} that start here. Debian: openmpi-bin libopenmpi3 mpich. */
export const MPIS: readonly Mpi[] = KNOWN.filter(({ command }) => starts(command, ['--version']));

/** Why tests under MPI are left out; nothing where they run. CI installs both and sets WBDC_REQUIRE_MPI. */
export const withoutMpi = missingUnless(
  MPIS.length === KNOWN.length,
  'WBDC_REQUIRE_MPI',
  'apt-get install openmpi-bin libopenmpi3 mpich',
);

/** That of tools/cluster.sh, where it runs. */
const SLURM_CONF = '/run/wbdc-slurm/slurm.conf';
if (existsSync(SLURM_CONF)) process.env['SLURM_CONF'] ??= SLURM_CONF;

/** Why tests on a Slurm of two nodes are left out. */
export const withoutSlurm = missingUnless(
  starts('sinfo', ['-h']),
  'WBDC_REQUIRE_SLURM',
  'bash tools/cluster.sh install && bash tools/cluster.sh start',
);

/** @throws Error where a machine that should have it has not: its tests must not skip in silence */
function missingUnless(there: boolean, variable: string, advice: string): string | undefined {
  if (there) return undefined;
  if (process.env[variable]) throw new Error(`${variable} is set, but it is not there: ${advice}`);
  return advice;
}

function starts(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

export interface RanksResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RanksOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  /** Called with the process of the launcher. */
  readonly onStart?: (pid: number) => void;
}

/** Runs a TypeScript program of this repository as so many ranks. */
export async function runRanks(
  mpi: Mpi,
  ranks: number,
  program: string,
  options: RanksOptions = {},
): Promise<RanksResult> {
  const node = [process.execPath, await compiled(program), ...(options.args ?? [])];
  return run(mpi.command, [...mpi.options, '-n', String(ranks), ...node], options);
}

/** Debian's refuses root otherwise; ranks that wait leave the processor to others, of which it knows nothing. */
const OPEN_MPI = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_mpi_yield_when_idle: '1',
};

/** Runs a program to its end; what it prints is for people who read a failed test. */
export function run(command: string, args: readonly string[], options: RanksOptions = {}): Promise<RanksResult> {
  const own = ['VITEST', 'NODE_OPTIONS']; // of the test runner
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.includes(name)));
  const env = { ...inherited, ...OPEN_MPI, ...options.env };
  return new Promise((resolve) => {
    const limits = { timeout: 300_000, killSignal: 'SIGKILL' as const, maxBuffer: 1 << 26 };
    const child = execFile(command, args, { cwd: options.folder ?? root, env, ...limits }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
    if (child.pid !== undefined) options.onStart?.(child.pid);
  });
}

/** A JSON file that a rank has written. */
export function readJsonFile<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), 'utf8')) as T;
}
