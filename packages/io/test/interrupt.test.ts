import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { EXIT_INTERRUPTED, EXIT_REQUEUE, interruptible } from '@wbdc/io/interrupt';

describe('a command that is asked to end', () => {
  /** Sends signals 1000 ms apart once the run listens; gives its exit code, what it said and codes it ended with. */
  async function run(names: readonly string[], env: Record<string, string> = {}) {
    const signals = new EventEmitter();
    const said: string[] = [];
    const exits: number[] = [];
    let time = 0;
    const process = {
      signals,
      env,
      stderr: { write: (text: string) => said.push(text) },
      exit: (code: number) => exits.push(code),
      now: () => (time += 1000),
    };
    const code = await interruptible(process, async (signal) => {
      for (const name of names) signals.emit(name);
      return signal.aborted ? EXIT_INTERRUPTED : 0;
    });
    expect(signals.eventNames()).toEqual([]);
    return { code, said: said.length, exits };
  }

  it('ends after its step, and at once when asked again', async () => {
    expect(await run([])).toEqual({ code: 0, said: 0, exits: [] });
    expect(await run(['SIGINT'])).toEqual({ code: 130, said: 1, exits: [] });
    expect(await run(['SIGINT', 'SIGTERM'])).toEqual({ code: 130, said: 1, exits: [130] });
  });

  it.each(['SIGTERM', 'SIGUSR1', 'SIGUSR2'])('%s of a scheduler asks for a requeue', async (name) => {
    expect((await run([name])).code).toBe(EXIT_INTERRUPTED);
    for (const variable of ['SLURM_JOB_ID', 'KUBERNETES_SERVICE_HOST', 'WBDC_REQUEUE']) {
      expect((await run([name], { [variable]: '1' })).code).toBe(EXIT_REQUEUE);
      expect((await run(['SIGINT'], { [variable]: '1' })).code).toBe(EXIT_INTERRUPTED);
    }
  });
});
