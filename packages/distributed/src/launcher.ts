/** What a launcher told a process about its job. */
export interface Launched {
  readonly rank: number;
  readonly size: number;
  /** For people: `mpirun (Open MPI)`, `srun`. */
  readonly launcher: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the launchers. */
const LAUNCHERS = [
  { launcher: 'mpirun of Open MPI', rank: 'OMPI_COMM_WORLD_RANK', size: 'OMPI_COMM_WORLD_SIZE' },
  { launcher: 'mpirun of MPICH or Intel MPI', rank: 'PMI_RANK', size: 'PMI_SIZE' },
  { launcher: 'srun', rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS' },
] as const;

/**
 * The job of several processes that a launcher started this one for, by its environment; nothing where it runs alone.
 * A batch script of Slurm is no step, and runs alone.
 */
export function launchedAs(env: Environment): Launched | undefined {
  for (const { launcher, rank, size } of LAUNCHERS) {
    const [own, all] = [env[rank], env[size]].map((text) => (text === undefined ? NaN : Number(text)));
    if (Number.isInteger(own) && Number.isInteger(all) && all > 1) return { rank: own, size: all, launcher };
  }
  return undefined;
}
