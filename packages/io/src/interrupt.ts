/** What asks a command to end: Ctrl-C, a scheduler, a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
type Signal = (typeof SIGNALS)[number];

/** What a process offers for signals. */
export interface SignalSource {
  on(signal: Signal, listener: () => void): unknown;
  off(signal: Signal, listener: () => void): unknown;
}

/** What {@link interruptible} needs of the process around it. */
export interface InterruptibleProcess {
  readonly signals: SignalSource;
  readonly stderr: { write(text: string): unknown };
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  /** Milliseconds. */
  readonly now: () => number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export const EXIT_INTERRUPTED = 130;

/** Interrupted by what schedules the job: to be started again as it was, as `EX_TEMPFAIL` of sysexits. */
export const EXIT_REQUEUE = 75;

/** Signals of schedulers; Slurm's `--signal` names any of them. */
const OF_SCHEDULERS: readonly string[] = ['SIGTERM', 'SIGUSR1', 'SIGUSR2'];

/**
 * A parent such as npx or nx passes on the Ctrl-C that the terminal has already sent to every process of the group:
 * signals this close together are one.
 */
const SAME_KEYSTROKE_MS = 300;

/**
 * Runs what listens to a signal, and gives its exit code. The first Ctrl-C (SIGTERM, SIGHUP) aborts the signal and lets
 * the current step end; the second ends the process. With `stopped`, a run that throws the signal's reason was
 * interrupted, and that line says what is left. In a job of Slurm or Kubernetes what a scheduler's signal interrupts
 * exits with {@link EXIT_REQUEUE}.
 */
export async function interruptible(
  host: InterruptibleProcess,
  run: (signal: AbortSignal) => Promise<number>,
  stopped?: string,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const scheduled = SCHEDULED.some((name) => host.env?.[name] !== undefined);
  let interrupted = EXIT_INTERRUPTED;
  const listener = listenerFor(host, controller);
  const listeners = SIGNALS.map((name) => {
    const hear = (): void => {
      if (!signal.aborted && scheduled && OF_SCHEDULERS.includes(name)) interrupted = EXIT_REQUEUE;
      listener();
    };
    return [name, hear] as const;
  });
  for (const [name, hear] of listeners) host.signals.on(name, hear);
  try {
    const code = await run(signal);
    return code === EXIT_INTERRUPTED ? interrupted : code;
  } catch (error) {
    if (stopped === undefined || !signal.aborted || error !== signal.reason) throw error;
    host.stderr.write(`${stopped}\n`);
    return interrupted;
  } finally {
    for (const [name, hear] of listeners) host.signals.off(name, hear);
  }
}

/** Variables of those who start a job again: Slurm, Kubernetes, or a script that says so. */
const SCHEDULED = ['SLURM_JOB_ID', 'KUBERNETES_SERVICE_HOST', 'WBDC_REQUEUE'];

function listenerFor({ stderr, exit, now }: InterruptibleProcess, controller: AbortController): () => void {
  let first = 0;
  return () => {
    if (!controller.signal.aborted) {
      first = now();
      stderr.write('\nfinishing the step; press Ctrl-C again to stop at once\n');
      controller.abort();
    } else if (now() - first > SAME_KEYSTROKE_MS) exit(EXIT_INTERRUPTED);
  };
}

/** Resolves once a signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done, { once: true }));
}
