import type { TensorInfo } from '@tensorflow/tfjs';
import type { Faults } from './faults.js';
import { shaderOf, type KernelSource, type ParamType } from './kernel-source.js';
import { KeptNumbers } from './numbers.js';
import type { Profiler } from './profiler.js';
import type { Region } from './region.js';

export type { Region };

/** What a kernel is given by a name of its source. */
export type Operand = TensorInfo | Region;

export type Groups = readonly [x: number, y: number, z: number];

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: Layout;
  readonly names: readonly string[];
  readonly params: readonly { readonly name: string; readonly type: ParamType }[];
  readonly paramBytes: number;
  /** The numbers are others each time: they travel with the batch. */
  readonly changing: boolean;
  /** Of a dispatch: those of `names`, and the one of the numbers. */
  readonly regions: Region[];
}

interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

/**
 * Dispatches of a submission: more wait longer for the host, fewer cost it more. The first after a read are few, for
 * the GPU has nothing to do meanwhile.
 */
const FIRST_BATCH = 48;
const BATCH = 256;
/** Of the buffer of all numbers of a submission. */
const UNIFORM_BYTES = 1 << 16;
/** What bind groups are kept by. */
const NUMBER = Symbol('number');
interface Numbered {
  [NUMBER]?: number;
}

const MOST_GROUPS_KEPT = 32_768;

/** A bind group, and the next of the same hash. */
interface Kept {
  readonly layout: GPUBindGroupLayout;
  readonly regions: readonly Region[];
  readonly group: GPUBindGroup;
  readonly next: Kept | undefined;
}

function same(a: readonly Region[], b: readonly Region[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    if (a[i].buffer !== b[i].buffer || a[i].offset !== b[i].offset || a[i].bytes !== b[i].bytes) return false;
  }
  return true;
}

/**
 * Records dispatches and submits them in batches. What a dispatch costs the host is kept small: pipelines and bind
 * groups are kept by what they were made of, and the numbers of a batch travel in one transfer.
 */
export class Commands {
  dispatches = 0;
  /** Made so far. */
  bindGroups = 0;
  /** Times each dispatch, where it is set. */
  profiler: Profiler | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  /** Of the pass. */
  #pipeline: GPUComputePipeline | undefined;
  #pending = 0;
  #batch = FIRST_BATCH;
  readonly #compiled = new Map<KernelSource, Compiled>();
  readonly #layouts = new Map<string, Layout>();
  /** By a hash of what they were made of. */
  readonly #groups = new Map<number, Kept>();
  /** Layouts of pipelines that have their own. */
  readonly #own = new WeakMap<GPUComputePipeline, GPUBindGroupLayout>();
  /** Of a dispatch. */
  readonly #offsets = [0];
  #nextId = 1;
  readonly #uniforms: GPUBuffer;
  readonly #bytes = new Uint8Array(UNIFORM_BYTES);
  /** Numbers that stay. */
  readonly #kept: KeptNumbers;
  /** Of a dispatch. */
  readonly #words = new Uint32Array(64);
  readonly #reals = new Float32Array(this.#words.buffer);
  readonly #wordBytes = new Uint8Array(this.#words.buffer);
  readonly #alignment: number;
  #at = 0;

  constructor(
    readonly device: GPUDevice,
    readonly faults: Faults,
    readonly onSubmit: () => void,
    readonly regionOf: (operand: Operand) => Region,
  ) {
    this.#alignment = device.limits.minUniformBufferOffsetAlignment;
    this.#uniforms = device.createBuffer({
      label: 'wbdc numbers of kernels',
      size: UNIFORM_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#kept = new KeptNumbers(device, () => {
      this.submit();
      this.#groups.clear();
    });
  }

  /** Runs a kernel on operands and numbers by the names in its source. */
  run(
    source: KernelSource,
    operands: Readonly<Record<string, Operand>>,
    params: Readonly<Record<string, number>>,
    groups: Groups,
  ): void {
    this.faults.check(); // a lost device, above all: later commands would only seem to run
    const kernel = this.#compiled.get(source) ?? this.#newKernel(source);
    const { names, regions } = kernel;
    // First of all: where memory is short it submits what was recorded before.
    for (let i = 0; i < names.length; i++) regions[i] = this.regionOf(operands[names[i]]);
    const { paramBytes } = kernel;
    for (let i = 0; i < kernel.params.length; i++) {
      const { name, type } = kernel.params[i];
      if (type === 'f32') this.#reals[i] = params[name];
      else this.#words[i] = params[name];
    }
    for (let i = kernel.params.length; i < paramBytes / 4; i++) this.#words[i] = 0;
    if (kernel.changing) {
      const offset = (this.#offsets[0] = this.#reserve(paramBytes));
      this.#bytes.set(this.#wordBytes.subarray(0, paramBytes), offset);
    } else {
      regions[names.length] = this.#kept.regionOf(this.#words, paramBytes / 4);
    }
    const group = this.#group(kernel.layout.group, regions);
    this.#record(source.name, kernel.pipeline, group, groups, kernel.changing ? this.#offsets : undefined);
  }

  /** Runs a pipeline with a layout of its own, whose last binding is for `numbers`; `regions` gets it too. */
  runPipeline(
    name: string,
    pipeline: GPUComputePipeline,
    regions: Region[],
    numbers: Uint8Array,
    groups: Groups,
  ): void {
    const offset = this.#reserve(numbers.byteLength);
    this.#bytes.set(numbers, offset);
    regions.push({ buffer: this.#uniforms, offset, bytes: numbers.byteLength });
    let layout = this.#own.get(pipeline);
    if (!layout) this.#own.set(pipeline, (layout = pipeline.getBindGroupLayout(0)));
    this.#record(name, pipeline, this.#group(layout, regions), groups, undefined);
  }

  copy(from: Region, to: Region): void {
    this.#encoderNow().copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, to.bytes);
  }

  clear({ buffer, offset, bytes }: Region): void {
    this.#encoderNow().clearBuffer(buffer, offset, bytes);
  }

  submit(): void {
    if (!this.#encoder) return;
    this.#endPass();
    if (this.#at > 0) this.device.queue.writeBuffer(this.#uniforms, 0, this.#bytes, 0, this.#at);
    this.#at = 0;
    this.#pending = 0;
    this.#batch = FIRST_BATCH;
    this.device.queue.submit([this.#encoder.finish()]);
    this.#encoder = undefined;
    this.onSubmit();
  }

  #record(
    name: string,
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    [x, y, z]: Groups,
    offsets: readonly number[] | undefined,
  ): void {
    this.#encoder ??= this.device.createCommandEncoder();
    if (this.profiler) {
      this.#endPass();
      this.#pass = this.#encoder.beginComputePass({ timestampWrites: this.profiler.writes(name) });
    }
    this.#pass ??= this.#encoder.beginComputePass();
    const pass = this.#pass;
    if (pipeline !== this.#pipeline) pass.setPipeline((this.#pipeline = pipeline));
    if (offsets) pass.setBindGroup(0, group, offsets);
    else pass.setBindGroup(0, group);
    if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
    else pass.dispatchWorkgroups(x, y, z);
    this.dispatches++;
    if (++this.#pending < this.#batch) return;
    this.faults.during(`a batch that ended with ${name}`, () => this.submit());
    this.#batch = BATCH;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = this.#pipeline = undefined;
  }

  /** Outside of a pass. */
  #encoderNow(): GPUCommandEncoder {
    this.#endPass();
    return (this.#encoder ??= this.device.createCommandEncoder());
  }

  /** Room for numbers of the current batch. */
  #reserve(bytes: number): number {
    if (this.#at + bytes > UNIFORM_BYTES) this.submit();
    const offset = this.#at;
    this.#at = Math.ceil((offset + bytes) / this.#alignment) * this.#alignment;
    return offset;
  }

  #newKernel(source: KernelSource): Compiled {
    const kernel = this.faults.during(`the kernel '${source.name}'`, () => this.#compile(source));
    this.#compiled.set(source, kernel);
    return kernel;
  }

  #compile(source: KernelSource): Compiled {
    const { name, write, read, changing = false } = source;
    const layout = this.#layoutOf(Object.keys(write).length, Object.keys(read).length, changing);
    const module = this.device.createShaderModule({ label: name, code: shaderOf(source) });
    const compute = { module, entryPoint: 'main' };
    const pipeline = this.device.createComputePipeline({ label: name, layout: layout.pipeline, compute });
    const params = Object.entries(source.params).map(([name, type]) => ({ name, type }));
    const names = [...Object.keys(write), ...Object.keys(read)];
    const paramBytes = Math.max(16, Math.ceil(params.length / 4) * 16);
    const numbers = { buffer: this.#uniforms, offset: 0, bytes: paramBytes };
    return {
      ...{ pipeline, layout, params, paramBytes, names, changing },
      regions: names.map(() => numbers).concat(numbers),
    };
  }

  #layoutOf(writes: number, reads: number, changing: boolean): Layout {
    const key = `${writes},${reads},${changing}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types: GPUBufferBindingLayout[] = [
        ...Array.from({ length: writes }, (): GPUBufferBindingLayout => ({ type: 'storage' })),
        ...Array.from({ length: reads }, (): GPUBufferBindingLayout => ({ type: 'read-only-storage' })),
        { type: 'uniform', hasDynamicOffset: changing },
      ];
      const entries = types.map((buffer, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer }));
      const group = this.device.createBindGroupLayout({ entries });
      layout = {
        group,
        pipeline: this.device.createPipelineLayout({ bindGroupLayouts: [group] }),
      };
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** Found by numbers alone: this is what every dispatch does. */
  #group(layout: GPUBindGroupLayout, regions: readonly Region[]): GPUBindGroup {
    let hash = this.#idOf(layout);
    for (const { buffer, offset, bytes } of regions) {
      hash = Math.imul(Math.imul(Math.imul(hash, 31) + this.#idOf(buffer), 31) + offset, 31) + bytes;
    }
    const first = this.#groups.get(hash);
    for (let kept = first; kept; kept = kept.next) {
      if (kept.layout === layout && same(kept.regions, regions)) return kept.group;
    }
    const group = this.device.createBindGroup({
      layout,
      entries: regions.map(({ buffer, offset, bytes }, binding) => ({
        binding,
        resource: { buffer, offset, size: bytes },
      })),
    });
    if (++this.bindGroups % MOST_GROUPS_KEPT === 0) this.#groups.clear();
    this.#groups.set(hash, { layout, regions: regions.slice(), group, next: this.#groups.get(hash) });
    return group;
  }

  /** A property of the object, for a map of some thousand of them would cost the collector as much as the rest. */
  #idOf(object: object & Numbered): number {
    return (object[NUMBER] ??= this.#nextId++);
  }
}
