import { bytesText, WebGpuError, WebGpuLostError, WebGpuMemoryError } from './errors.js';
import type { PoolStatistics } from './pool.js';

const CHECKPOINT =
  'what was on it is gone, the last checkpoint is not: the same command goes on from there, in a new process';

const ELSEWHERE = "this GPU or its driver does not take it: choose the engine 'ort', or 'wasm' in a browser";

/**
 * What went wrong on a device. WebGPU tells of it by events, at once in Node and later in a browser; here it is kept
 * until something asks, and thrown there, so that no result is ever read that a failed command should have made.
 */
export class Faults {
  #fault: WebGpuError | undefined;
  #current = 'the device';

  constructor(
    device: GPUDevice,
    readonly memory: () => PoolStatistics,
  ) {
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#fault ??= this.#describe((event as GPUUncapturedErrorEvent).error);
    });
    void device.lost.then(({ reason, message }) => {
      this.#fault ??= new WebGpuLostError(
        `the GPU was lost${reason === 'destroyed' ? '' : ' (reset, out of memory, or a kernel that took too long)'}: ` +
          `${firstLine(message)}; ${CHECKPOINT}. If it happens again, lower the batch size`,
      );
    });
  }

  /** Runs commands of a kernel, and throws what the device says of them at once. */
  during<T>(name: string, run: () => T): T {
    this.check();
    const outer = this.#current;
    this.#current = name;
    try {
      const result = run();
      this.check();
      return result;
    } finally {
      this.#current = outer;
    }
  }

  /** Throws what went wrong so far. A lost device stays so; any other fault is told once. */
  check(): void {
    const fault = this.#fault;
    if (!fault) return;
    if (!(fault instanceof WebGpuLostError)) this.#fault = undefined;
    throw fault;
  }

  /** A read that did not come about. */
  unread(): WebGpuError {
    return this.#fault ?? new WebGpuLostError(`the GPU does not answer a read; ${CHECKPOINT}`);
  }

  /** Takes back that the device ran out of memory, for another try. */
  forgiveMemory(): boolean {
    if (!(this.#fault instanceof WebGpuMemoryError)) return false;
    this.#fault = undefined;
    return true;
  }

  #describe(error: GPUError): WebGpuError {
    const text = firstLines(error.message);
    if (!isMemory(error)) return new WebGpuError(`webgpu: ${this.#current}: ${text}; ${ELSEWHERE}`);
    const { used, allocated } = this.memory();
    return new WebGpuMemoryError(
      `the GPU is out of memory at ${bytesText(used)} in tensors (${bytesText(allocated)} allocated), in ` +
        `${this.#current}: ${text}; lower the batch size, or recompute layers in the backward pass`,
    );
  }
}

function isMemory(error: GPUError): boolean {
  return error.constructor.name === 'GPUOutOfMemoryError';
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] || 'no reason given';
}

const MOST = 600;

/** The beginning, which names the fault and its place; the rest repeats the shader. */
function firstLines(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= MOST ? trimmed : `${trimmed.slice(0, MOST)} ...`;
}
