import { WbdcError } from '@wbdc/io/errors';

/** What a kernel cost the GPU. */
export interface GpuKernelCost {
  readonly kernel: string;
  readonly calls: number;
  readonly milliseconds: number;
}

/** Timestamps of a query set: WebGPU allows no more. */
const MOST = 4096;

interface Part {
  readonly set: GPUQuerySet;
  readonly names: string[];
}

/** The GPU's own time of each dispatch, by timestamps around it: each is a pass of its own meanwhile. */
export class Profiler {
  readonly #parts: Part[] = [];

  /** @throws WbdcError on a device without timestamps */
  constructor(readonly device: GPUDevice) {
    if (!device.features.has('timestamp-query')) {
      throw new WbdcError('expected a GPU with the feature timestamp-query, got one without: no kernel can be timed');
    }
  }

  /** For the pass of one dispatch. */
  writes(name: string): GPUComputePassTimestampWrites {
    let part = this.#parts.at(-1);
    if (!part || part.names.length === MOST / 2) {
      part = { set: this.device.createQuerySet({ type: 'timestamp', count: MOST }), names: [] };
      this.#parts.push(part);
    }
    const index = 2 * part.names.push(name) - 2;
    return { querySet: part.set, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
  }

  /** When all dispatches are submitted: reads the timestamps and sums them up by kernel, the dearest first. */
  async costs(): Promise<GpuKernelCost[]> {
    const table = new Map<string, { calls: number; milliseconds: number }>();
    for (const { set, names } of this.#parts) {
      const times = await this.#read(set, 2 * names.length);
      names.forEach((name, i) => {
        const cost = table.get(name) ?? { calls: 0, milliseconds: 0 };
        cost.calls++;
        cost.milliseconds += Number(times[2 * i + 1] - times[2 * i]) / 1e6; // nanoseconds
        table.set(name, cost);
      });
      set.destroy();
    }
    return Array.from(table, ([kernel, cost]) => ({ kernel, ...cost })).sort((a, b) => b.milliseconds - a.milliseconds);
  }

  async #read(set: GPUQuerySet, count: number): Promise<BigInt64Array> {
    const size = 8 * count;
    const resolved = this.device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const readable = this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.device.createCommandEncoder();
    encoder.resolveQuerySet(set, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, size);
    this.device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const times = new BigInt64Array(readable.getMappedRange().slice(0));
    resolved.destroy();
    readable.destroy();
    return times;
  }
}
