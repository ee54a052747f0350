import { WbdcError } from '@wbdc/io/errors';
import * as tf from '@tensorflow/tfjs';
import type { LossResult } from '@wbdc/nn';

/** What a run goes on from. */
export interface LossScaleState {
  /** On the loss, and so on all gradients. */
  readonly scale: number;
  /** Updates since the scale last changed. */
  readonly since: number;
  /** Updates left out so far, because a gradient did not fit. */
  readonly skipped: number;
}

export interface LossScaleOptions {
  /** Default 65,536. */
  readonly initial?: number;
  /** Updates in a row after which the scale doubles. Default 2000. */
  readonly interval?: number;
}

/** Below it a gradient that is not finite is no matter of the scale. */
const LEAST = 1;
/** A float32 loss times it is still finite. */
const MOST = 2 ** 24;

/**
 * Dynamic loss scaling for gradients in float16 (Micikevicius et al., arXiv 1710.03740). The loss is multiplied, so
 * that small gradients do not vanish among the products, and the gradients are divided before the update. Where one
 * does not fit, the update is left out and the scale halved; after many updates in a row it is doubled. A scale is a
 * power of two: multiplying by it loses no bits.
 */
export class LossScale {
  #state: LossScaleState;
  readonly #interval: number;

  /** @throws WbdcError where a state to go on from, of a checkpoint say, is none */
  constructor({ initial = 65_536, interval = 2000 }: LossScaleOptions = {}, from?: unknown) {
    this.#interval = interval;
    this.#state = from === undefined ? { scale: initial, since: 0, skipped: 0 } : checkedState(from);
  }

  /** For a checkpoint. */
  get state(): LossScaleState {
    return this.#state;
  }

  /** The same loss, as the backward pass is to see it. */
  scaled(result: LossResult): LossResult {
    return { ...result, loss: tf.mul(result.loss, this.#state.scale) };
  }

  /** After an update. */
  fitted(): void {
    const { scale, since, skipped } = this.#state;
    const grown = since + 1 >= this.#interval && scale < MOST;
    this.#state = { scale: grown ? 2 * scale : scale, since: grown ? 0 : since + 1, skipped };
  }

  /**
   * A gradient was not finite.
   * @returns whether the update is to be left out: false where no smaller scale can help
   */
  overflowed(): boolean {
    const { scale, skipped } = this.#state;
    if (scale <= LEAST) return false;
    this.#state = { scale: Math.max(LEAST, scale / 2), since: 0, skipped: skipped + 1 };
    return true;
  }
}

function checkedState(from: unknown): LossScaleState {
  const { scale, since, skipped } = (from ?? {}) as Partial<Record<keyof LossScaleState, unknown>>;
  const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof scale === 'number' && scale >= LEAST && scale <= MOST && whole(since) && whole(skipped)) {
    return { scale, since, skipped };
  }
  throw new WbdcError(`loss scale: expected { scale, since, skipped }, got ${JSON.stringify(from)?.slice(0, 200)}`);
}
