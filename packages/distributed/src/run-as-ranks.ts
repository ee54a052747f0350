import { availableParallelism, cpus, hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Communicator } from './communicator.js';
import { launchedAs } from './launcher.js';
import { connect } from './mpi/connect.js';
import { single } from './single.js';
import { gatherValues, RootError } from './texts.js';
import { watchRanks } from './watch.js';

/** The process around {@link runAsRanks}, and how it puts a failure. */
export interface RanksProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stderr: { write(text: string): unknown };
  /** For people; default: the error's message. */
  readonly describe?: (error: unknown) => string;
  /** Of the process; default 1. */
  readonly exitCodeOf?: (error: unknown) => number;
}

/**
 * Runs a program as one of the ranks that a launcher (mpirun, srun) started, or alone, and gives its exit code. Ranks
 * are watched over ({@link watchRanks}). Where one fails, it says so and all end; where all fail alike, rank 0 speaks.
 *
 * @throws what `run` throws, in a process that runs alone
 */
export async function runAsRanks(
  run: (communicator: Communicator) => Promise<number>,
  { env, stderr, describe = messageOf, exitCodeOf = () => 1 }: RanksProcess = process,
): Promise<number> {
  if (launchedAs(env) === undefined) return run(single);
  const communicator = await connect(env);
  const watch = await watchRanks(communicator);
  try {
    const code = await run(communicator);
    await communicator.barrier(); // none is missed while another still works
    await watch.close();
    await communicator.close();
    return code;
  } catch (error) {
    const { rank, size } = communicator;
    const alike = error instanceof RootError;
    if (rank > 0) await sleep(alike ? LAST_MS : Math.min(LAST_MS, RANK_0_FIRST_MS + 100 * rank));
    const who = rank === 0 ? '' : `rank ${rank} of ${size} on ${hostname()}: `;
    if (!alike) stderr.write(`error: ${who}${describe(error)}\n`);
    watch.fail();
    await sleep(100); // the words are out, and the others told
    communicator.abort(exitCodeOf(error));
    return exitCodeOf(error);
  }
}

/** Milliseconds that rank 0 has to say what went wrong everywhere; the longest wait of any. */
const [RANK_0_FIRST_MS, LAST_MS] = [1500, 4000];

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The cores of this machine that this rank has, of those that run here. */
export async function threadsOfRank(communicator: Communicator): Promise<number> {
  const hosts = await gatherValues(communicator, hostname());
  const share = Math.floor(cpus().length / hosts.filter((host) => host === hostname()).length);
  return Math.max(1, Math.min(availableParallelism(), share));
}
