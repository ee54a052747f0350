import type { PreparedView } from '@wbdc/pretrain-tasks';
import type { Contender } from './peer.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { realPositions, type Recipe } from './recipe.js';
import { digits } from './statistics.js';

export interface Peers {
  readonly reference: Contender;
  readonly others: Contender[];
  readonly notes: string[];
}

/** Ours on each engine, PyTorch in all variants, and tfjs as it comes. `folder` holds the batches for Python. */
export function uniModelPeers(mode: 'train' | 'embed', recipe: Recipe, folder: string): Peers {
  const settings = JSON.stringify(recipe);
  const ours = (engine: string): Contender => nodePeer('uni-model.js', engine, [mode, engine, settings]);
  const python = findPython('torch');
  const torch = (variant: string, precision: string): Contender => {
    const name = precision === 'fp32' ? `torch ${variant}` : `torch ${variant} ${precision}`;
    return pythonPeer(python!, 'uni_model.py', name, [mode, variant, precision, folder], recipe.threads);
  };
  const variants = [
    ['equal', 'fp32'],
    ['plain', 'fp32'],
    ['equal', 'bf16'],
    ['plain', 'bf16'],
    ['compiled', 'fp32'],
    ['compiled', 'bf16'],
  ];
  const sentences = mode === 'embed' ? findPython('sentence_transformers') : undefined;
  // tfjs keeps what every plain operation made until the backward pass is done.
  const plain = (name: string, engine: string): Contender => {
    return { ...nodePeer('plain-tfjs.js', name, [engine, settings]), memory: 2.5 };
  };
  const others = [
    ...(python ? variants.map(([variant, precision]) => torch(variant, precision)) : []),
    ...(sentences
      ? [pythonPeer(sentences, 'sentence_embed.py', 'sentence-transformers', [folder], recipe.threads)]
      : []),
    ...(mode === 'embed' ? [nodePeer('embed-transformers-js.js', 'transformers.js', [settings])] : []),
    ours('tensorflow'),
    ours('tensorflow bf16'),
    ...(mode === 'train'
      ? [plain('tfjs-node as it comes', 'tensorflow plain'), plain('wasm as it comes', 'wasm')]
      : []),
  ];
  const notes = [
    ...(python ? [] : [withoutPython('torch')]),
    ...(mode === 'embed' && !sentences ? [withoutPython('sentence_transformers')] : []),
  ];
  return { reference: ours('ort'), others, notes };
}

/** A rough upper bound: weights, gradients and two moments, and for each position what the backward pass reads. */
export function bytesOfStep({ layers, width, batch, tokens, frames, heads, vocabulary, tags }: Recipe): number {
  const parameters = 12 * layers * width ** 2 + (vocabulary + tags) * width;
  const positions = batch * (tokens + frames);
  const kept = layers * (20 * width + 3 * heads * (tokens + frames)) + 0.6 * vocabulary;
  return 4e8 + 4 * (4 * parameters + 1.5 * positions * kept);
}

export function sayRecipe({ layers, width, batch, tokens, frames, frameSize, vocabulary, threads }: Recipe): string {
  const input = `up to ${tokens} tokens and ${frames} frames x ${frameSize}`;
  return `${layers} x ${width}, batch ${batch}, ${input}, vocabulary ${vocabulary}, ${threads} threads`;
}

/** How much of what is computed is padding. */
export function sayPadding({ batch, tokens, frames }: Recipe, views: readonly PreparedView[]): string {
  const total = (of: (view: PreparedView) => number): number => views.reduce((sum, view) => sum + of(view), 0);
  const real = total((view) => realPositions(view.batch));
  const ours = total(({ batch: b }) => batch * (b.tokens.shape[1] + b.frameMask.shape[1]));
  const share = (all: number): string => `${digits(100 * (1 - real / all))} %`;
  const mean = digits(real / views.length / batch - frames);
  const plain = views.length * batch * (tokens + frames);
  return `on average ${mean} tokens a video; padding: ${share(ours)} of the positions, ${share(plain)} in 'plain'`;
}
