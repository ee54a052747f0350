import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';

/**
 * The only file that knows onnxruntime-node's insides. tfjs kernels are synchronous, the public `InferenceSession.run`
 * is not; the native class underneath is. It is no public API, hence the exact version.
 */
export const ORT_VERSION = '1.30.0';

/** What the native class reads of a tensor; the public Tensor class would only add checks to it. */
export interface OrtValue {
  readonly type: 'float32' | 'int32' | 'bool' | 'int64';
  readonly data: Float32Array | Int32Array | Uint8Array | BigInt64Array;
  readonly dims: readonly number[];
  readonly location: 'cpu';
}

type Values = Record<string, OrtValue | null>;

interface NativeSession {
  loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: object): void;
  run(feeds: Values, fetches: Values, options: object): unknown;
  dispose(): void;
}

interface Binding {
  readonly binding: { readonly InferenceSession: new () => NativeSession };
  initOrt(): void;
}

/** The engine cannot run here; the message says why and what to do. */
export class OrtUnavailableError extends WbdcError {
  override readonly name = 'OrtUnavailableError';
}

/** One compiled graph. Writes into the output arrays it is given. */
export interface Session {
  run(inputs: Record<string, OrtValue>, outputs: Record<string, OrtValue>): void;
}

export type CreateSession = (model: Uint8Array) => Session;

/**
 * Loads onnxruntime-node and checks it.
 * @param threads threads per operation
 */
export function loadRuntime(threads: number, require = createRequire(import.meta.url)): CreateSession {
  const native = loadBinding(require);
  native.initOrt();
  const options = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4, // failures are thrown, with shapes
    // Graphs are written the way they are fastest; more would fuse them back.
    graphOptimizationLevel: 'basic',
    // Every session has its own threads: spinning while idle, they would take the cores from one another.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
  return (model) => {
    const session = new native.binding.InferenceSession();
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, options);
    return { run: (inputs, outputs) => runInPlace(session, inputs, outputs) };
  };
}

/** Name of the output that {@link runInPlace} asks for, a bfloat16 scalar that every graph puts first. */
export const STOPPER = '_stopper';

const STOPPED = 'Tensor type (16) is not supported.';
/** Below this, copying an output is cheaper than throwing an exception. */
const COPY_BYTES = 1 << 16;

/**
 * The native `run` fills the arrays it is handed, and then copies every output once more, into fresh memory, to return
 * it: for large tensors that takes several times as long as the operation. It copies in the order of the graph's
 * outputs, and throws at a type that JavaScript lacks: with such a value in front nothing is copied.
 */
function runInPlace(session: NativeSession, inputs: Values, outputs: Values): void {
  const stop = Object.values(outputs).some((output) => output && output.data.byteLength >= COPY_BYTES);
  try {
    session.run(inputs, stop ? { [STOPPER]: null, ...outputs } : outputs, {});
  } catch (error) {
    if (!(stop && error instanceof Error && error.message === STOPPED)) throw error;
  }
}

function loadBinding(require: NodeJS.Require): Binding {
  const folder = packageFolder(require);
  const { platform, arch } = process;
  const binaries = join(folder, 'bin', 'napi-v6');
  if (!existsSync(join(binaries, platform, arch, 'onnxruntime_binding.node'))) {
    throw new OrtUnavailableError(
      `onnxruntime-node ${ORT_VERSION} has no binary for ${platform}-${arch}, only for ${platformsIn(binaries)}. ` +
        `Choose another tfjs engine here.`,
    );
  }
  try {
    return require('onnxruntime-node/dist/binding.js') as Binding;
  } catch (cause) {
    throw new OrtUnavailableError(
      `onnxruntime-node ${ORT_VERSION} is installed in ${folder}, but its binary for ${platform}-${arch} does not ` +
        `load: ${messageOf(cause)}. It needs glibc 2.28 or later on Linux; reinstall it, ` +
        'or choose another tfjs engine.',
      { cause },
    );
  }
}

function packageFolder(require: NodeJS.Require): string {
  const advice = `run: npm install --save-exact onnxruntime-node@${ORT_VERSION}`;
  let path: string;
  try {
    path = require.resolve('onnxruntime-node/package.json');
  } catch (cause) {
    throw new OrtUnavailableError(`the engine 'ort' needs onnxruntime-node ${ORT_VERSION}, found none; ${advice}`, {
      cause,
    });
  }
  const { version } = require(path) as { version: string };
  if (version !== ORT_VERSION) {
    throw new OrtUnavailableError(
      `the engine 'ort' needs onnxruntime-node ${ORT_VERSION} exactly, found ${version} in ${path}; ${advice}`,
    );
  }
  return dirname(path);
}

function platformsIn(folder: string): string {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  const platforms = list(folder).flatMap((platform) =>
    list(join(folder, platform)).map((arch) => `${platform}-${arch}`),
  );
  return platforms.join(', ') || 'none';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
