import { watchInterrupt } from '../interrupt.js';
import type { Host } from '../program.js';

/** Runs what listens to a signal that the first Ctrl-C aborts; the second one ends the process. */
export async function interruptible(host: Host, run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const say = (line: string): void => void host.stderr.write(`\n${line}\n`);
  const interruption = watchInterrupt(host.signals, say, host.exit, host.now);
  try {
    return await run(interruption.signal);
  } finally {
    interruption.dispose();
  }
}
