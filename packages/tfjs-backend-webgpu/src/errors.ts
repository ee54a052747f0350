import { WbdcError } from '@wbdc/io/errors';

/** WebGPU cannot be had here; the message says why and what to do. */
export class WebGpuUnavailableError extends WbdcError {
  override readonly name = 'WebGpuUnavailableError';
}

/** The device refused a command: a shader, a size, a binding. Named after the kernel whose command it was. */
export class WebGpuError extends WbdcError {
  override readonly name: string = 'WebGpuError';
}

/** The device has no memory left for a tensor. */
export class WebGpuMemoryError extends WebGpuError {
  override readonly name = 'WebGpuMemoryError';
}

/** The device is gone, and with it all tensors on it. */
export class WebGpuLostError extends WebGpuError {
  override readonly name = 'WebGpuLostError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes for people: `1.5 GB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
