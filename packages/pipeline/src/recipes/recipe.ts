import type { Key, LossResult, ParamTree } from '@wbdc/nn';
import type { Asked, GradientFunction, Rules } from '@wbdc/train';
import type { LoopSettings } from '../settings/training.js';

/**
 * What a training computes: parameters, loss, gradients, and which parameter learns how. A recipe knows no files: a run
 * gives it data, and a check synthetic examples.
 */
export interface TrainingRecipe<B, P extends ParamTree = ParamTree> {
  /** What is trained, for people: `uni-model`. */
  readonly about: string;
  /** What an example is, in the singular: `video` or `pair`. */
  readonly noun: string;
  readonly settings: LoopSettings;
  /** Fresh weights, which whoever made the recipe disposes of. */
  readonly params: P;
  /** The parameters by component: encoder, heads. */
  readonly components: Readonly<Record<string, ParamTree>>;
  /** The loss of a batch, and metrics by name. A dropout key means training. */
  readonly loss: (batch: B, dropout?: Key, meanAsked?: Asked) => LossResult;
  /** How many items each term of the loss is a mean over; see `trainLoop`. */
  readonly asked?: (batch: B) => Asked;
  /** The learning rates, by the paths of the parameters. */
  readonly rules: Rules;
  /** How gradients are computed: plainly, or at parameters moved against the loss. */
  readonly gradients: GradientFunction;
  /** Keeps a running average of the weights with this decay, which is then what is measured and used. */
  readonly averageDecay?: number | undefined;
  /** The ids of a batch's examples. */
  readonly ids: (batch: B) => readonly string[];
}
