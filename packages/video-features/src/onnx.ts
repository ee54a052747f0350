import type { ClipVisionConfig, ClipVisionParams } from '@wbdc/clip-model';
import { clipVisionOnnx } from '@wbdc/clip-model/onnx';
import { assertDtype, quantizeOnnx, type OnnxDtype, type OnnxRanges } from '@wbdc/checkpoints/onnx';
import { WbdcError } from '@wbdc/io/errors';
import type { ComputeFeatures } from './compute-features.js';

/** What is used of onnxruntime-node; pass the module itself: `import * as ort from 'onnxruntime-node'`. */
export interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options: SessionOptions): Promise<OnnxSession> };
  Tensor: TensorType;
}

interface TensorType {
  new (type: 'float32', data: Float32Array, dims: readonly number[]): object;
  new (type: 'int32', data: Int32Array, dims: readonly number[]): object;
}

/** What computes in ONNX Runtime: `webgpu` is its own, on any GPU. */
export type OnnxProvider = 'cpu' | 'webgpu';

export interface OnnxSessionOptions {
  readonly threads?: number | undefined;
  /** Default `cpu`. */
  readonly provider?: OnnxProvider | undefined;
  /**
   * In what weights are kept, and with `int8` multiplied: see `quantizeOnnx` of @wbdc/checkpoints. Default `fp32`. On
   * ARM the other two let products of float32 go through bfloat16, where the processor has it.
   */
  readonly dtype?: InferenceDtype | undefined;
  /** Of `int8`: from `calibrateOnnx`; without them each batch has its own. */
  readonly ranges?: OnnxRanges | undefined;
  /** Of `int8`: weights of 7 bits, for processors with AVX2 and without VNNI. */
  readonly reduceRange?: boolean | undefined;
}

/** In what a model computes on ONNX Runtime. */
export type InferenceDtype = 'fp32' | OnnxDtype;

interface SessionOptions {
  readonly intraOpNumThreads?: number;
  readonly executionProviders?: string[];
  readonly logSeverityLevel?: 3;
  readonly extra?: Record<string, unknown>;
}

interface OnnxResult {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/** A graph that is ready to compute. */
export interface OnnxSession {
  run(feeds: Record<string, never>, outputs: readonly string[]): Promise<Record<string, OnnxResult>>;
  release(): Promise<void>;
}

export interface OnnxFeaturesOptions extends OnnxSessionOptions {
  readonly params: ClipVisionParams;
  readonly config: ClipVisionConfig;
  readonly output?: 'pooled' | 'projected';
}

/**
 * Opens a graph for one of ONNX Runtime's providers.
 *
 * @throws WbdcError `onnx-provider` where ONNX Runtime has no such provider, or that finds no GPU; `onnx-dtype` where
 *   it does not compute so; else as `quantizeOnnx`
 */
export async function openOnnx(
  ort: OnnxRuntime,
  model: Uint8Array,
  { threads, provider = 'cpu', dtype = 'fp32', ranges, reduceRange }: OnnxSessionOptions = {},
): Promise<OnnxSession> {
  if (dtype !== 'fp32') assertDtype(dtype);
  if (dtype === 'int8' && provider !== 'cpu') {
    const problem = { where: `provider '${provider}'`, expected: 'fp32 or fp16', got: 'int8' };
    throw new WbdcError({ ...problem, advice: "use provider 'cpu'", code: 'onnx-dtype' });
  }
  const settings: SessionOptions = {
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    // Warnings say that shapes are computed on the processor.
    ...(provider === 'webgpu' && { executionProviders: ['webgpu'], logSeverityLevel: 3 }),
    ...(dtype !== 'fp32' && onArm() && { extra: { mlas: { enable_gemm_fastmath_arm64_bfloat16: '1' } } }),
  };
  const kept = dtype === 'fp32' ? model : quantizeOnnx(model, { dtype, ranges, reduceRange });
  return ort.InferenceSession.create(kept, settings).catch((cause: unknown) => {
    if (provider === 'cpu') throw cause;
    const got = (cause instanceof Error ? cause.message : String(cause))
      .split('\n')[0]
      .replace(/^.* was false\. /, '')
      .slice(0, 300);
    throw new WbdcError(
      {
        where: "provider 'webgpu'",
        expected: 'a GPU with a driver for Vulkan, Metal or Direct3D 12, and onnxruntime-node 1.30',
        got,
        advice: "use provider 'cpu'",
        code: 'onnx-provider',
      },
      { cause },
    );
  });
}

/** In Node; a browser does not say. */
function onArm(): boolean {
  return typeof process !== 'undefined' && process.arch === 'arm64';
}

/**
 * The tower as one graph on ONNX Runtime, for `extractFeatures`: a tenth faster than kernel by kernel, and not on the
 * thread that asks. `close` ends it.
 *
 * @throws WbdcError `onnx-provider` as {@link openOnnx}
 */
export async function onnxFeatures(
  ort: OnnxRuntime,
  { params, config, output = 'pooled', ...options }: OnnxFeaturesOptions,
): Promise<{ readonly compute: ComputeFeatures; readonly close: () => Promise<void> }> {
  const { imageSize } = config;
  const session = await openOnnx(ort, clipVisionOnnx(params, config), options);
  return {
    compute: async (pixels, count) => {
      const feed = new ort.Tensor('float32', pixels, [count, 3, imageSize, imageSize]) as never;
      return (await session.run({ pixels: feed }, [output]))[output].data as Float32Array;
    },
    close: () => session.release(),
  };
}
