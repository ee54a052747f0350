/** What asks a command to end: Ctrl-C, a scheduler, a terminal that is closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
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
}

export const EXIT_INTERRUPTED = 130;

/**
 * A parent such as npx or nx passes on the Ctrl-C that the terminal has already sent to every process of the group:
 * signals this close together are one.
 */
const SAME_KEYSTROKE_MS = 300;

/**
 * Runs what listens to a signal, and gives its exit code. The first Ctrl-C (SIGTERM, SIGHUP) aborts the signal and lets
 * the current step end; the second ends the process. With `stopped`, a run that throws the signal's reason was
 * interrupted, and that line says what is left.
 */
export async function interruptible(
  host: InterruptibleProcess,
  run: (signal: AbortSignal) => Promise<number>,
  stopped?: string,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const listener = listenerFor(host, controller);
  for (const name of SIGNALS) host.signals.on(name, listener);
  try {
    return await run(signal);
  } catch (error) {
    if (stopped === undefined || !signal.aborted || error !== signal.reason) throw error;
    host.stderr.write(`${stopped}\n`);
    return EXIT_INTERRUPTED;
  } finally {
    for (const name of SIGNALS) host.signals.off(name, listener);
  }
}

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
