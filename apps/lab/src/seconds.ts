import { join } from 'node:path';
import { RunFolder, type StageName } from '@wbdc/runner';

/** The time that the stages of runs took, also in earlier attempts. */
export async function secondsOf(
  root: string,
  runs: readonly { readonly name: string; readonly stages: readonly StageName[] }[],
): Promise<number> {
  let seconds = 0;
  for (const { name, stages } of runs) {
    const run = new RunFolder(join(root, name), name);
    for (const stage of stages) seconds += (await run.record(stage))?.seconds ?? 0;
  }
  return seconds;
}
