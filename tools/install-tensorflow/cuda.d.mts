/** A wheel of the Python package index. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly sha256: string;
}
export const CUDA_WHEELS: readonly Wheel[];
/** Lays the libraries of wheels out below `deps`; gives what to say of it. */
export function layOutCuda(
  target: { readonly deps: string },
  timeout: number,
  wheels?: readonly Wheel[],
): Promise<string>;
/** Where a file of a wheel goes under `deps`; undefined where it is not wanted. */
export function placeOfCuda(name: string): string | undefined;
