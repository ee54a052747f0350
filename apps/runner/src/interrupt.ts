/** What a process offers for signals. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

export interface Interruption {
  readonly signal: AbortSignal;
  /** Stops listening. */
  readonly dispose: () => void;
}

export const EXIT_INTERRUPTED = 130;

/**
 * A parent such as npx or nx passes on the Ctrl-C that the terminal has already sent to every process of the group:
 * signals this close together are one.
 */
const SAME_KEYSTROKE_MS = 300;

/** The first Ctrl-C (or SIGTERM) aborts the signal and lets the current step end; the second exits at once. */
export function watchInterrupt(
  source: SignalSource,
  say: (line: string) => void,
  exit: (code: number) => void,
  now: () => number,
): Interruption {
  const controller = new AbortController();
  let first = 0;
  const listener = (): void => {
    if (!controller.signal.aborted) {
      first = now();
      say('finishing the step; press Ctrl-C again to stop at once');
      controller.abort();
    } else if (now() - first > SAME_KEYSTROKE_MS) exit(EXIT_INTERRUPTED);
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) source.on(signal, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of signals) source.off(signal, listener);
    },
  };
}
