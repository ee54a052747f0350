import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program of Node as so many ranks of Open MPI on this machine, as itself where that is one; what it prints. */
export async function runAsRanks(ranks: number, program: string, settings: object): Promise<string> {
  const child = [process.execPath, program, JSON.stringify(settings)];
  const mpirun = ['mpirun', '--oversubscribe', '--bind-to', 'none', '-n', String(ranks)];
  const [command, ...args] = ranks === 1 ? child : [...mpirun, ...child];
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  return (await promisify(execFile)(command, args, { env })).stdout;
}
