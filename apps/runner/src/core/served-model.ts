import { exists } from '@wbdc/io';
import { hubSettings } from '@wbdc/checkpoints/node';
import type { FindModelOptions } from '@wbdc/pipeline/apply';
import { UserError } from './errors.js';
import { observed } from './observer.js';
import type { Output } from './output.js';

/** A run, and those whose stages are read where it has none of its own. */
interface RunPaths {
  readonly path: string;
  readonly base: RunPaths | undefined;
}

/** The folder of the model that `--checkpoint` names, or else the finished one of a run. */
export async function findServed(
  named: string | undefined,
  run: RunPaths,
  output: Output,
  signal?: AbortSignal,
): Promise<string> {
  const base = named === undefined ? run.base : undefined;
  if (base !== undefined && !(await exists(run.path))) return findServed(undefined, base, output, signal);
  try {
    return await trainedModel(named ?? run.path, output, signal && { signal });
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'model-missing';
    if (!missing) throw error;
    if (base !== undefined) return findServed(undefined, base, output, signal);
    throw new UserError(`${error.message}: run 'npx wbdc finetune' first, or give another --checkpoint`, 1, {
      cause: error,
    });
  }
}

/** The folder of a trained model by any of its names; one of the hub is fetched where the cache lacks it. */
async function trainedModel(name: string, output: Output, options: FindModelOptions = {}): Promise<string> {
  const { folder: from, env } = output.terminal;
  const { findModel } = await import('@wbdc/pipeline/apply');
  return observed(output, (observer) => findModel(name, { from, hub: hubSettings(env), observer, ...options }));
}

/** The folder of the trained model that a setting names, to learn further; of a run, its pretraining. */
export async function startModel(
  setting: string,
  name: string,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<string> {
  try {
    return await trainedModel(name, output, { signal, first: 'pretrain' });
  } catch (cause) {
    throw new UserError(`${setting}: ${cause instanceof Error ? cause.message : String(cause)}`, 1, { cause });
  }
}
