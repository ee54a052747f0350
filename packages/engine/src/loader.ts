import { WbdcError } from '@wbdc/io/errors';

/** In what an engine multiplies matrices; `bf16` is tensorflow's, `fp16` webgpu's, which wants its loss scaled. */
export type Precision = 'fp32' | 'bf16' | 'fp16';

export type EngineName = 'tensorflow' | 'webgpu' | 'ort' | 'cpu';

/** How an engine is to compute. */
export interface EngineSettings {
  readonly threads: number;
  /** In what it multiplies matrices. */
  readonly precision: Precision;
  /** Only where it computes on a GPU, and none that the processor plays. */
  readonly gpuOnly?: boolean;
  /** Told once of each kernel that an engine serves badly. */
  readonly onFallback?: ((message: string) => void) | undefined;
}

/** Makes an engine tfjs's current one, and says what it is; throws where it cannot load, or not as asked. */
export type EngineLoader = (settings: EngineSettings) => Promise<string>;
export type EngineLoaders = Readonly<Record<EngineName, EngineLoader>>;

/** An engine that loads and cannot compute in the precision asked for. */
export class PrecisionError extends WbdcError {
  override readonly name = 'PrecisionError';
}

/** The first line of what was thrown. */
export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
}
