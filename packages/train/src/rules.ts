import { matchesPattern } from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';
import { matchPaths } from './patterns.js';

/** How one parameter trains. */
export interface ParamSettings {
  readonly learningRate: number;
  /** Decoupled weight decay, as a share of the learning rate per step. */
  readonly weightDecay: number;
  /** A frozen parameter gets no gradient and never changes. */
  readonly frozen: boolean;
}

/**
 * Settings for the parameters whose paths the pattern covers (see `matchesPattern` of @wbdc/nn); what is left out is
 * the default's.
 */
export interface Rule extends Partial<ParamSettings> {
  readonly pattern: string;
}

export interface Rules {
  /** For parameters that no rule covers. */
  readonly learningRate: number;
  readonly weightDecay?: number;
  /** The first rule that covers a path decides. */
  readonly rules?: readonly Rule[];
  /**
   * Patterns of parameters without weight decay, whatever their rule says. Default: biases and layer normalisations.
   */
  readonly noDecay?: readonly string[];
}

/** Decay pulls towards 0, which means nothing for a shift or a scale around 1 (as in BERT's own optimizer). */
export const NO_DECAY: readonly string[] = ['**.{bias,gamma,beta}'];

/** The settings of every path. A pattern that covers nothing, or only what earlier rules took, is an error. */
export function resolveRules(paths: readonly string[], rules: Rules): Map<string, ParamSettings> {
  const fallback = { learningRate: rules.learningRate, weightDecay: rules.weightDecay ?? 0, frozen: false };
  const settings = new Map<string, ParamSettings>(paths.map((path) => [path, fallback]));
  const taken = new Set<string>();
  for (const { pattern, ...settingsOfRule } of rules.rules ?? []) {
    const free = matchPaths(pattern, paths, 'rules').filter((path) => !taken.has(path));
    if (free.length === 0) {
      throw new WbdcError(
        `rules: '${pattern}' matches only parameters that earlier rules took: move it up or remove it`,
      );
    }
    for (const path of free) {
      taken.add(path);
      settings.set(path, { ...fallback, ...settingsOfRule });
    }
  }
  for (const path of pathsWithoutDecay(paths, rules.noDecay))
    settings.set(path, { ...settings.get(path)!, weightDecay: 0 });
  for (const [path, setting] of settings) assertSettings(path, setting);
  return settings;
}

function pathsWithoutDecay(paths: readonly string[], patterns?: readonly string[]): string[] {
  if (patterns) return patterns.flatMap((pattern) => matchPaths(pattern, paths, 'noDecay'));
  return paths.filter((path) => NO_DECAY.some((pattern) => matchesPattern(pattern, path))); // a model may have none
}

function assertSettings(path: string, settings: ParamSettings): void {
  for (const name of ['learningRate', 'weightDecay'] as const) {
    const value = settings[name];
    if (!(Number.isFinite(value) && value >= 0)) {
      throw new RangeError(`rules: ${path}: expected ${name} to be a number from 0 up, got ${value}`);
    }
  }
}

/**
 * Rules that freeze the parameters of some patterns, before others. Of those, what would cover frozen parameters alone
 * is left out: a rate for a frozen layer is no mistake.
 */
export function freezing(patterns: readonly string[], rules: readonly Rule[], paths: readonly string[]): Rule[] {
  const frozen = new Set(patterns.flatMap((pattern) => matchPaths(pattern, paths, 'freeze')));
  const left = rules.filter(({ pattern }) => {
    const covered = paths.filter((path) => matchesPattern(pattern, path));
    return covered.length === 0 || covered.some((path) => !frozen.has(path));
  });
  return [...patterns.map((pattern) => ({ pattern, frozen: true })), ...left];
}

export interface LayerwiseDecay {
  /** Path of the list of layers, e.g. `encoder.bert.layers`. */
  readonly layers: string;
  readonly count: number;
  /** Patterns below the first layer, e.g. `encoder.bert.embeddings.**`. */
  readonly below?: readonly string[];
  /** The learning rate above the last layer. */
  readonly learningRate: number;
  /** Factor from a layer to the one below it, e.g. 0.9. */
  readonly decay: number;
}

/**
 * Rules by which layer i of n learns with `decay^(n - i)` of the rate and what lies below with `decay^(n + 1)`
 * (as in ELECTRA, arXiv 2003.10555, and BEiT).
 */
export function layerwiseDecay({ layers, count, below = [], learningRate, decay }: LayerwiseDecay): Rule[] {
  const list = Array.from({ length: count }, (_, i) => ({
    pattern: `${layers}.${i}.**`,
    learningRate: learningRate * decay ** (count - i),
  }));
  return [...below.map((pattern) => ({ pattern, learningRate: learningRate * decay ** (count + 1) })), ...list];
}
