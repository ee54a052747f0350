/**
 * The contract of the fused kernels: every name under which an engine may register one in tfjs's kernel registry, the
 * tensors that it gets, its attributes, and what it gives back. `@wbdc/nn` and `@wbdc/train` call kernels as stated
 * here, and compose plain tfjs operations where the current engine lacks one; engines register them as stated here
 * (`DefineKernels`). Types alone: nothing of this module is left at run time.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import type { Key } from './random.js';

/**
 * Every fused kernel, for tensors of type T: `Tensor` to a caller, `TensorInfo` to an engine. All of them are float32
 * where nothing else is said.
 * Shapes are in the letters of ARCHITECTURE.md, with N rows of D values for `[..., D]`, Q queries and K keys.
 */
export interface FusedKernels<T> {
  /**
   * Layer normalisation over the last axis: `y = (x - mean) rstd gamma + beta` with `rstd = 1 / sqrt(var + epsilon)`
   * and the biased variance. x and y are `[..., D]`, gamma and beta `[D]`, mean and rstd `[..., 1]`.
   */
  WbdcLayerNorm: {
    inputs: { readonly x: T; readonly gamma: T; readonly beta: T };
    attributes: { readonly epsilon: number };
    outputs: [y: T, mean: T, rstd: T];
  };
  /** `WbdcLayerNorm` of `x = a + b`, which it also gives; a, b, x and y are `[..., D]`. */
  WbdcAddLayerNorm: {
    inputs: { readonly a: T; readonly b: T; readonly gamma: T; readonly beta: T };
    attributes: { readonly epsilon: number };
    outputs: [y: T, mean: T, rstd: T, x: T];
  };
  /**
   * The gradients of a layer normalisation. With `h = (x - mean) rstd`, `e = dy gamma` and avg over the last axis:
   * `dx = rstd (e - avg(e) - h avg(e h))` `[..., D]`, and over all rows `dgamma = sum(dy h)`, `dbeta = sum(dy)`, `[D]`.
   */
  WbdcLayerNormGrad: {
    inputs: { readonly dy: T; readonly x: T; readonly gamma: T; readonly mean: T; readonly rstd: T };
    attributes: NoAttributes;
    outputs: [dx: T, dgamma: T, dbeta: T];
  };
  /**
   * GELU, elementwise on any shape. An engine may give a second tensor: it is kept for the backward pass in place of x,
   * and comes back as the x of its `WbdcGeluGrad`.
   */
  WbdcGelu: {
    inputs: { readonly x: T };
    attributes: { readonly form: GeluForm };
    outputs: [y: T] | [y: T, saved: T];
  };
  /**
   * The gradient `dx = dy (g(x) + x g'(x))` of `y = x g(x)`; x is what the engine's own `WbdcGelu` gave to keep, if so.
   */
  WbdcGeluGrad: {
    inputs: { readonly dy: T; readonly x: T };
    attributes: { readonly form: GeluForm };
    outputs: [dx: T];
  };
  /** A dense layer, `y = x weight + bias`: x `[..., in]`, weight `[in, out]`, bias `[out]`, y `[..., out]`. */
  WbdcLinear: {
    inputs: { readonly x: T; readonly weight: T; readonly bias: T };
    attributes: NoAttributes;
    outputs: [y: T];
  };
  /**
   * The gradients of `y = x weight + bias`: dy `[..., out]`, x and dx `[..., in]`, weight and dweight `[in, out]`,
   * dbias `[out]`.
   */
  WbdcLinearGrad: {
    inputs: { readonly dy: T; readonly x: T; readonly weight: T };
    attributes: NoAttributes;
    outputs: [dx: T, dweight: T, dbias: T];
  };
  /**
   * `y = softmax(x scale + bias)` over the last axis: x and y `[B, H, Q, K]`, bias `[B, 1, 1, K]` or `[B, 1, Q, K]`.
   */
  WbdcMaskedSoftmax: {
    inputs: { readonly x: T; readonly bias: T };
    attributes: { readonly scale: number };
    outputs: [y: T];
  };
  /** The gradient `dx = scale y (dy - sum(dy y))`, summed over the last axis; all `[B, H, Q, K]`. */
  WbdcMaskedSoftmaxGrad: {
    inputs: { readonly dy: T; readonly y: T };
    attributes: { readonly scale: number };
    outputs: [dx: T];
  };
  /**
   * Attention of each head: `y = dropout(softmax(q k^T scale + bias)) v`, with q and y `[B, Q, D]`, k and v `[B, K,
   * D]`, bias `[B, 1, 1, K]` or `[B, 1, Q, K]`; heads are consecutive blocks of D / H values. The weights w `[B, H, Q,
   * K]` are what the engine's own `WbdcAttentionGrad` wants to read, in a form of its choice.
   */
  WbdcAttention: {
    inputs: { readonly q: T; readonly k: T; readonly v: T; readonly bias: T };
    attributes: AttentionAttributes;
    outputs: [y: T, w: T];
  };
  /** The gradients of `WbdcAttention` for dy `[B, Q, D]`: dq `[B, Q, D]`, dk and dv `[B, K, D]`. */
  WbdcAttentionGrad: {
    inputs: { readonly dy: T; readonly q: T; readonly k: T; readonly v: T; readonly w: T };
    attributes: AttentionAttributes;
    outputs: [dq: T, dk: T, dv: T];
  };
  /** Dropout of x, of any shape: what the mask drops is 0, the rest is scaled. Also its own gradient. */
  WbdcDropout: {
    inputs: { readonly x: T };
    attributes: { readonly drop: DropMask };
    outputs: [y: T];
  };
  /**
   * A layer of a transformer, normalised after each sum, of x `[B, N, D]` to itself, with bias `[B, 1, 1, N]`: with
   * `m = WbdcAttention(x wq + bq, x wk + bk, x wv + bv, bias)` and layer normalisations of sums, as `WbdcAddLayerNorm`,
   * `middle = norm1(x + drop(m wo + bo))` and `y = norm2(middle + drop(gelu(middle wi + bi) wd + bd))`. It gives the
   * bits of the kernels that it is made of, and all that its gradient reads, in the order of {@link LayerSaved}.
   */
  WbdcLayer: {
    inputs: { readonly x: T; readonly bias: T } & LayerParameters<T>;
    attributes: LayerAttributes;
    outputs: [y: T, ...saved: T[]];
  };
  /** The gradients of `WbdcLayer` for dy `[B, N, D]`: of x, and of each of {@link LayerParameters} in their order. */
  WbdcLayerGrad: {
    inputs: { readonly dy: T; readonly x: T } & LayerParameters<T> & LayerSaved<T>;
    attributes: LayerAttributes;
    outputs: [dx: T, ...dparameters: T[]];
  };
  /**
   * The mean cross entropy of rows of logits `[N, C]` against a class each, labels `[N]` of int32 in [0, C):
   * `y = mean(log(sum(exp(x))) - x[label])`, a scalar. What is saved of the rows is for the engine's own gradient.
   */
  WbdcSoftmaxCrossEntropy: {
    inputs: { readonly logits: T; readonly labels: T };
    attributes: NoAttributes;
    outputs: [y: T, saved: T];
  };
  /** The gradient `dlogits = (softmax(logits) - onehot(labels)) dy / N` for a scalar dy. */
  WbdcSoftmaxCrossEntropyGrad: {
    inputs: { readonly dy: T; readonly logits: T; readonly labels: T; readonly saved: T };
    attributes: NoAttributes;
    outputs: [dlogits: T];
  };
  /** The mean of `max(x, 0) - x target + log(1 + exp(-|x|))` over logits x `[N, ...]` and targets alike, a scalar. */
  WbdcSigmoidCrossEntropy: {
    inputs: { readonly logits: T; readonly targets: T };
    attributes: NoAttributes;
    outputs: [y: T];
  };
  /** The gradient `dlogits = (sigmoid(logits) - targets) dy / count` for a scalar dy. */
  WbdcSigmoidCrossEntropyGrad: {
    inputs: { readonly dy: T; readonly logits: T; readonly targets: T };
    attributes: NoAttributes;
    outputs: [dlogits: T];
  };
  /**
   * Of rows of logits `[N, C]`, how many have their largest value, of equals the first, at the label, `[N]` of int32; a
   * row with a NaN is none of them. A scalar of float32.
   */
  WbdcCountCorrect: {
    inputs: { readonly logits: T; readonly labels: T };
    attributes: NoAttributes;
    outputs: [y: T];
  };
  /** Rows of x `[..., D]` by flat index, rows `[N]` of int32: y `[N, D]`. */
  WbdcGatherRows: {
    inputs: { readonly x: T; readonly rows: T };
    attributes: NoAttributes;
    outputs: [y: T];
  };
  /** The gradient of `WbdcGatherRows` for dy `[N, D]`: dx of the given shape, whose rows are sums of those of dy. */
  WbdcGatherRowsGrad: {
    inputs: { readonly dy: T; readonly rows: T };
    attributes: { readonly shape: readonly number[] };
    outputs: [dx: T];
  };
  /**
   * One update of AdamW in place: changes the memory of p, m, v and e, and so all that shares it. With g the gradient:
   * `m <- beta1 m + share1 g`, `v <- beta2 v + share2 g^2`, `p <- kept p - rate m / (sqrt(v) + epsilon)`, then
   * `e <- decay e + gain p` where there is an average e. All are of the parameter's shape.
   */
  WbdcAdamW: {
    inputs: { readonly p: T; readonly g: T; readonly m: T; readonly v: T; readonly e?: T };
    attributes: AdamWAttributes;
    outputs: [];
  };
  /**
   * One update of AdamW, as `WbdcAdamW` states it, of any number of parameters: those of number i are p<i>, g<i>, m<i>,
   * v<i> and, where there is an average, e<i>, with the numbers `updates[i]`. The engine may move the values of p, m, v
   * and e to memory of its own, and takes care itself that nothing else shares it.
   */
  WbdcAdamWAll: {
    inputs: { readonly [name: `${'p' | 'g' | 'm' | 'v' | 'e'}${number}`]: T };
    attributes: { readonly updates: readonly AdamWAttributes[] };
    outputs: [];
  };
  /** The sums of the squares of any number of tensors of any shapes, x0, x1, ... in this order: y `[N]`. */
  WbdcSumsOfSquares: {
    inputs: { readonly [index: number]: T };
    attributes: NoAttributes;
    outputs: [y: T];
  };
  /** Writes the values of x, of any shape, into `data` from `at` on, before it returns; makes no tensor. */
  WbdcCopyOut: {
    inputs: { readonly x: T };
    attributes: { readonly data: Float32Array; readonly at: number };
    outputs: [];
  };
  /** Calls `receive` with the sum of the squares of x, of any shape, before it returns; makes no tensor. */
  WbdcSumOfSquares: {
    inputs: { readonly x: T };
    attributes: { readonly receive: (sum: number) => void };
    outputs: [];
  };
}

export type NoAttributes = Readonly<Record<never, never>>;

/** `erf`: the exact GELU of BERT; `quick`: `x sigmoid(1.702 x)`, as in OpenAI's CLIP. */
export type GeluForm = 'erf' | 'quick';

export interface AttentionAttributes {
  /** H, a divisor of D. */
  readonly heads: number;
  /** Factor on the products of queries and keys, `1 / sqrt(D / H)`. */
  readonly scale: number;
  /** Dropout of the attention weights `[B, H, Q, K]`; none without it. */
  readonly drop?: DropMask;
}

/** Of a layer with I hidden values: weights `[D, D]`, but wi `[D, I]` and wd `[I, D]`; a bias for each; norms `[D]`. */
export interface LayerParameters<T> {
  readonly wq: T;
  readonly bq: T;
  readonly wk: T;
  readonly bk: T;
  readonly wv: T;
  readonly bv: T;
  readonly wo: T;
  readonly bo: T;
  readonly gamma1: T;
  readonly beta1: T;
  readonly wi: T;
  readonly bi: T;
  readonly wd: T;
  readonly bd: T;
  readonly gamma2: T;
  readonly beta2: T;
}

/** What a layer keeps for its gradient, each as the kernel that made it gave it. */
export interface LayerSaved<T> {
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly w: T;
  /** What attention gave. */
  readonly mixed: T;
  /** The first sum. */
  readonly x1: T;
  readonly mean1: T;
  readonly rstd1: T;
  readonly middle: T;
  /** Before GELU, and after it. */
  readonly hidden: T;
  readonly active: T;
  /** The second sum. */
  readonly x2: T;
  readonly mean2: T;
  readonly rstd2: T;
}

export interface LayerAttributes {
  /** H, a divisor of D. */
  readonly heads: number;
  /** Of both normalisations. */
  readonly epsilon: number;
  readonly form: GeluForm;
  /** Of the attention weights and of the two blocks' outputs; none without them. */
  readonly drops?: LayerDrops;
}

export interface LayerDrops {
  readonly weights: DropMask;
  readonly attention: DropMask;
  readonly output: DropMask;
}

/** The numbers of one update; clipping and the corrections of the moments' bias are in them. */
export type AdamWAttributes = {
  readonly beta1: number;
  readonly beta2: number;
  /** `(1 - beta1) s`, with s the factor on the gradient. */
  readonly share1: number;
  /** `(1 - beta2) s^2`. */
  readonly share2: number;
  readonly rate: number;
  readonly epsilon: number;
  /** `1 - learning rate * weight decay`. */
  readonly kept: number;
  /** Of the average: its decay, and `1 - decay`. Without one they say nothing. */
  readonly decay: number;
  readonly gain: number;
};

/**
 * Which values of a tensor a dropout drops: a function of the key, the row along the first axis and the position in
 * that row, so the same on every engine, in any order and in any pieces. An engine has the mask applied on the host by
 * `apply`, or draws it where its tensors are, from `key` and `gaps`:
 *
 * With `[offset, flip] = foldIn(key, row)`, where row is what the key has for it (`key[3]?.[row] ?? row`, see
 * `withRows`), draw n = 0, 1, ... of a row is the 32-bit word `(offset + n 0x9e3779b9) ^
 * flip` after the finaliser of MurmurHash3. It gives two distances from a dropped value of the row to the next, the
 * first from position -1: `gaps[draw & 0xffff]`, then `gaps[draw >>> 16]`. Positions count the values of a row in
 * memory's order.
 */
export interface DropMask {
  readonly key: Key;
  /** Share of the values that is dropped, in (0, 1). */
  readonly rate: number;
  /** What kept values are multiplied with, `1 / (1 - rate)`. */
  readonly scale: number;
  /** The geometric distribution of `rate`, as 65,536 quantiles; the same array for the same rate. */
  readonly gaps: Uint32Array;
  /** Multiplies the dropped values by a factor. `values` are `rows` whole rows of the tensor from `firstRow` on. */
  readonly apply: (values: Float32Array, firstRow: number, rows: number, factor: number) => void;
}

export type KernelName = keyof FusedKernels<unknown>;

export type KernelInputs<Name extends KernelName, T> = FusedKernels<T>[Name]['inputs'];

export type KernelAttributes<Name extends KernelName> = FusedKernels<unknown>[Name]['attributes'];

export type KernelOutputs<Name extends KernelName, T> = FusedKernels<T>[Name]['outputs'];

/** What tfjs hands to a kernel of an engine whose backend is of this class. */
export interface KernelCall<Name extends KernelName, Backend> {
  readonly backend: Backend;
  readonly inputs: KernelInputs<Name, TensorInfo>;
  readonly attrs: KernelAttributes<Name>;
}

/** An engine's implementation of a kernel, which gives tensors of type T. */
export type FusedKernel<Name extends KernelName, Backend, T extends TensorInfo = TensorInfo> = (
  call: KernelCall<Name, Backend>,
) => KernelOutputs<Name, T>;

/** Some of the kernels by name. */
export type KernelTable<Backend> = { readonly [Name in KernelName]?: FusedKernel<Name, Backend> };

/**
 * The identity, for an engine to state its kernels with. Its argument does not type check where a name is not of the
 * contract, a kernel gives other outputs, or reads an input or attribute that callers do not pass; nor where the types
 * of a kernel's own parameters leave out one that they do pass, which a mere assignment would accept.
 */
export type DefineKernels<Backend> = <Table extends KernelTable<Backend>>(
  table: Table & NoInfer<Complete<Table>>,
) => Table;

type Complete<Table> = {
  readonly [Name in keyof Table]: Name extends KernelName
    ? [keyof KernelInputs<Name, unknown>, keyof KernelAttributes<Name>] extends NamesOf<Table[Name]>
      ? unknown
      : never
    : never;
};

/** The names of the inputs and of the attributes in the type of a kernel's parameter. */
type NamesOf<Kernel> = Kernel extends (call: infer Call) => unknown
  ? [Call extends { inputs: infer I } ? keyof I : never, Call extends { attrs: infer A } ? keyof A : never]
  : never;
