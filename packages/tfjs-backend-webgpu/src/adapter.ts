import { assertTfjsBackend, fileExists, isNode, loadDawn, type Dawn } from './dawn.js';
import { messageOf, WebGpuUnavailableError } from './errors.js';
import { SUBGROUP, type SubgroupMatrix } from './kernels/subgroup-tiles.js';

/** A GPU and what it can do. */
export interface AdapterReport {
  /** As the driver tells it: `nvidia`, `apple`, `mesa`. */
  readonly vendor: string;
  readonly architecture: string;
  /** For people. */
  readonly description: string;
  /** True of a program that plays a GPU on the processor: right results, no speed. */
  readonly fallback: boolean;
  /** Of those that the kernels can use: `shader-f16`, `subgroups`, `chromium-experimental-subgroup-matrix`. */
  readonly features: readonly string[];
  /** Features of that list that the device lacks. */
  readonly missing: readonly string[];
  readonly limits: AdapterLimits;
}

export interface AdapterLimits {
  /** Of one tensor, in bytes. */
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
}

export interface AdapterOptions {
  /** Node: options of Dawn's instance, e.g. `['backend=vulkan', 'adapter=NVIDIA']`. Those of the first call count. */
  readonly dawn?: readonly string[];
  readonly powerPreference?: 'high-performance' | 'low-power';
}

/** Features that some kernel uses where they are. */
const USEFUL = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as const;

/** For a profile. */
const MEASURING: readonly GPUFeatureName[] = ['timestamp-query'];

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupsPerDimension',
] as const;

interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** In Node. */
  readonly dawn: Dawn | undefined;
}

/** @throws WebGpuUnavailableError where there is no WebGPU, or it finds no GPU */
export async function findAdapter({ dawn: flags = [], powerPreference }: AdapterOptions): Promise<FoundAdapter> {
  const dawn = isNode() ? await nodeGpu(flags) : undefined;
  const gpu = dawn?.gpu ?? browserGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: powerPreference ?? 'high-performance' });
  if (adapter) return { adapter, dawn };
  throw new WebGpuUnavailableError(
    'WebGPU finds no GPU here: expected a driver for Vulkan, Metal or Direct3D 12, got none' +
      (dawn ? " (Linux: vulkaninfo lists them); the engine 'ort' needs none" : " (chrome://gpu says why); use 'wasm'"),
  );
}

/** Files that stand for a GPU on Linux: of Mesa's drivers, NVIDIA's, and Windows' own under it. */
const GPU_FILES = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg'];

/**
 * Cheaper than loading a driver to find none.
 * @throws WebGpuUnavailableError on a Linux without any
 */
export function assertGpuFile(): void {
  if (!isNode() || process.platform !== 'linux' || GPU_FILES.some(fileExists)) return;
  throw new WebGpuUnavailableError(`expected a GPU, got none of ${GPU_FILES.join(', ')}`);
}

async function nodeGpu(flags: readonly string[]): Promise<Dawn> {
  assertTfjsBackend();
  return loadDawn(flags);
}

function browserGpu(): GPU {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu) return navigator.gpu;
  throw new WebGpuUnavailableError(
    'this browser has no WebGPU, or not on this page: it takes a secure origin (https, or localhost) and a browser ' +
      "that has it switched on; use the engine 'wasm' or 'cpu' here",
  );
}

/** Of a device with all that the adapter has and the kernels use. */
export async function newDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const limits = adapter.limits as unknown as Readonly<Record<string, number>>;
  const features = [...featuresOf(adapter), ...MEASURING.filter((name) => adapter.features.has(name))];
  try {
    return await adapter.requestDevice({
      requiredFeatures: features as GPUFeatureName[],
      requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
    });
  } catch (cause) {
    throw new WebGpuUnavailableError(
      `the GPU ${reportOf(adapter).description} gives no device: ${messageOf(cause)}; is another process using it?`,
      { cause },
    );
  }
}

function featuresOf(adapter: GPUAdapter): string[] {
  const has = adapter.features as ReadonlySet<string>;
  return USEFUL.filter((name) => has.has(name));
}

/** Of Dawn's experimental feature. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

const FOR_MATRICES = ['shader-f16', 'chromium-experimental-subgroup-matrix'];

/** What an adapter's subgroups multiply at once: float16 factors to float32 sums, in sizes that our kernel takes. */
export function subgroupMatrixOf(adapter: GPUAdapter): SubgroupMatrix | undefined {
  const features = featuresOf(adapter);
  if (!FOR_MATRICES.every((name) => features.includes(name))) return undefined;
  const { info } = adapter as unknown as { info: Told };
  if (info.subgroupMinSize !== SUBGROUP || info.subgroupMaxSize !== SUBGROUP) return undefined;
  const fitting = [...(info.subgroupMatrixConfigs ?? [])].filter(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f16' && resultComponentType === 'f32' && [M, N, K].every((size) => size % 8 === 0),
  );
  const largest = fitting.sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K).find(({ M, N, K }) => M * N * K <= 4096);
  return largest && { rows: largest.M, columns: largest.N, inner: largest.K };
}

/** What newer implementations tell of an adapter. */
interface Told {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

export function reportOf(adapter: GPUAdapter): AdapterReport {
  const { info, isFallbackAdapter } = adapter as unknown as { info: Told; isFallbackAdapter?: boolean };
  const features = featuresOf(adapter);
  const limits = adapter.limits;
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description || info.device || `${info.vendor} ${info.architecture}`.trim() || 'unnamed',
    fallback: info.isFallbackAdapter ?? isFallbackAdapter ?? false,
    features,
    missing: USEFUL.filter((name) => !features.includes(name)),
    limits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    },
  };
}
