import { messageOf, WebGpuUnavailableError } from './errors.js';
import { Pump } from './pump.js';

/** The versions whose insides this package knows. */
export const DAWN_VERSION = '0.6.2';
export const TFJS_WEBGPU_VERSION = '4.22.0';

/** WebGPU in Node. */
export interface Dawn {
  readonly gpu: GPU;
  readonly pump: Pump;
}

interface DawnPackage {
  readonly create: (flags: readonly string[]) => GPU;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** What Node has beside JavaScript; not imported, so that a bundle for a browser has none of it. */
interface NodeProcess {
  readonly versions: { readonly node?: string };
  getBuiltinModule(name: 'node:module'): { createRequire(from: string): NodeJS.Require };
  getBuiltinModule(name: 'node:fs'): { existsSync(path: string): boolean };
}

export function fileExists(path: string): boolean {
  return (process as unknown as NodeProcess).getBuiltinModule('node:fs').existsSync(path);
}

export function isNode(): boolean {
  return typeof process !== 'undefined' && process.versions?.node !== undefined;
}

/** A second instance would have its own devices, and one collected while work is pending ends the process. */
let loaded: { readonly flags: string; readonly dawn: Dawn } | undefined;

/**
 * Of Dawn itself, unless the caller's flags name others: float16 on NVIDIA's Vulkan, which Dawn leaves off for the sake
 * of shaders unlike ours; subgroup matrices, which it counts as experimental; timestamps as the GPU takes them.
 */
const TOGGLES = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

/**
 * Loads npm's `webgpu` and makes its classes and `navigator.gpu` global, where tfjs looks for them.
 * @param flags options of Dawn's instance, e.g. `backend=null`; those of the first call count
 * @throws WebGpuUnavailableError where it is missing, of another version, or does not load
 */
export async function loadDawn(flags: readonly string[]): Promise<Dawn> {
  if (loaded) return loaded.dawn;
  const { create, globals } = await importDawn();
  const pump = new Pump();
  Object.assign(globalThis, globals);
  pumped(globals, pump);
  const own = flags.some((flag) => flag.includes('-dawn-features=')) ? [] : TOGGLES;
  const gpu = create([...own, ...flags]);
  const { requestAdapter } = gpu;
  Object.defineProperty(gpu, 'requestAdapter', {
    value: (options?: GPURequestAdapterOptions) => pump.start(() => requestAdapter.call(gpu, options)),
  });
  exposeGpu(gpu);
  loaded = { flags: flags.join(), dawn: { gpu, pump } };
  return loaded.dawn;
}

/** tfjs asks `navigator.gpu`, which Node lacks; Node 20 lacks the navigator too. */
function exposeGpu(gpu: GPU): void {
  if (!('navigator' in globalThis)) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true, writable: true });
  }
  const { navigator } = globalThis as unknown as { navigator: object };
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
}

/** What begins asynchronous work, by class. */
const ASYNCHRONOUS: Readonly<Record<string, readonly string[]>> = {
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUDevice: ['popErrorScope', 'createComputePipelineAsync', 'createRenderPipelineAsync'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
};

/** Work that began elsewhere would queue its tick where nobody can run it synchronously. */
function pumped(globals: DawnPackage['globals'], pump: Pump): void {
  for (const [name, methods] of Object.entries(ASYNCHRONOUS)) {
    const { prototype } = globals[name] as { prototype: Record<string, (...args: unknown[]) => unknown> };
    for (const method of methods) {
      const original = prototype[method];
      prototype[method] = function (this: unknown, ...args: unknown[]): unknown {
        return pump.start(() => original.apply(this, args));
      };
    }
  }
}

async function importDawn(): Promise<DawnPackage> {
  const { createRequire } = (process as unknown as NodeProcess).getBuiltinModule('node:module');
  const require = createRequire(import.meta.url);
  assertVersion(require, 'webgpu', DAWN_VERSION);
  try {
    const specifier = 'webgpu'; // not for bundlers, which would follow it
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier)) as DawnPackage;
  } catch (cause) {
    throw new WebGpuUnavailableError(
      `webgpu ${DAWN_VERSION} is installed, but its binary for ${process.platform}-${process.arch} does not load: ` +
        `${messageOf(cause).split('\n')[0]}. It needs glibc 2.34 or later on Linux; choose another engine here`,
      { cause },
    );
  }
}

/** @throws WebGpuUnavailableError where a package is missing or of another version */
function assertVersion(require: NodeJS.Require, name: string, expected: string): void {
  let version: string;
  try {
    ({ version } = require(`${name}/package.json`) as { version: string });
  } catch (cause) {
    throw missing(name, expected, 'none', cause);
  }
  if (version !== expected) throw missing(name, expected, version);
}

function missing(name: string, expected: string, found: string, cause?: unknown): WebGpuUnavailableError {
  const packages = `webgpu@${DAWN_VERSION} @tensorflow/tfjs-backend-webgpu@${TFJS_WEBGPU_VERSION}`;
  return new WebGpuUnavailableError(
    `the engine 'webgpu' needs ${name} ${expected} exactly, found ${found}; run: npm install --save-exact ${packages}`,
    { cause },
  );
}

/** Checks tfjs's own part in Node, where the version can be asked for. */
export function assertTfjsBackend(): void {
  const { createRequire } = (process as unknown as NodeProcess).getBuiltinModule('node:module');
  assertVersion(createRequire(import.meta.url), '@tensorflow/tfjs-backend-webgpu', TFJS_WEBGPU_VERSION);
}
