import { WbdcError, type Mismatch } from '@wbdc/io/errors';

/**
 * What may be wrong with a trained model or its use.
 *
 * - `engine-missing`: tfjs has no engine that starts
 * - `model-missing`: a path leads to no model; `model-folds`: to several, one per fold
 * - `model-foreign`: a model of another kind, such as a CLIP; `model-files`: its files contradict each other
 * - `model-closed`: it is used after `close()`
 * - `head-missing`: it cannot do what it is asked for
 * - `tower-missing`: nobody says where its vision tower is; `tower-foreign`: what stands there is none
 * - `tower-other`: a tower that gives other features than the model learned from
 * - `input`: what is given is no input at all, or none that is understood here
 */
export type TrainedErrorCode =
  | 'engine-missing'
  | 'head-missing'
  | 'input'
  | 'model-closed'
  | 'model-files'
  | 'model-folds'
  | 'model-foreign'
  | 'model-missing'
  | 'tower-foreign'
  | 'tower-missing'
  | 'tower-other';

/** A failure to open or to use a trained model that whoever called can act on. */
export class TrainedError extends WbdcError {
  override readonly name = 'TrainedError';
  override readonly code: TrainedErrorCode;

  constructor(problem: Mismatch & { readonly code: TrainedErrorCode }, options?: ErrorOptions) {
    super(problem, options);
    this.code = problem.code;
  }
}
