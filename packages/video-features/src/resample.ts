import type { Image } from './image-data.js';
import { PRECISION, ResampleKernel, type Coefficients } from './resample-kernel.js';

export type Filter = 'bicubic' | 'bilinear';

/** A rectangle of a picture in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Pillow's kernels: how far they reach, and their weight at a distance. Bicubic is Keys' with a = -0.5. */
const FILTERS: Readonly<Record<Filter, { support: number; weight(distance: number): number }>> = {
  bicubic: { support: 2, weight: bicubic },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
};

function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * Resizes like Pillow's `Image.resize`, to the bit: an antialiasing convolution in two passes, each rounded to 8 bits,
 * in 22-bit fixed point (Pillow, `src/libImaging/Resample.c`), in vectors of WebAssembly. Of the result only `box` is
 * computed where it is given.
 */
export function resizePillow(image: Image, width: number, height: number, filter: Filter, box?: Box): Image {
  checkSize(width, height);
  const region = box ?? { left: 0, top: 0, width, height };
  const across = coefficients(image.width, width, filter, region.left, region.width);
  const down = coefficients(image.height, height, filter, region.top, region.height);
  // Pillow leaves out a pass that would change nothing; the weights of such a pass are 0 and 1, so the result is equal.
  kernel ??= new ResampleKernel();
  if (isDownFirst(image, width, height)) {
    const turned = kernel.resize(transposed(image.data, image.width, image.height), image.height, down, across);
    return { width: region.width, height: region.height, data: transposed(turned, region.height, region.width) };
  }
  return { width: region.width, height: region.height, data: kernel.resize(image.data, image.width, across, down) };
}

/** Pillow takes the columns first where that leaves less to do: of tall pictures. Each pass rounds, so it shows. */
function isDownFirst(image: Image, width: number, height: number): boolean {
  return height < image.height && image.height - height > 2 * (image.width - width);
}

/** Pixels `[height, width, 3]` as `[width, height, 3]`, in blocks that stay in the cache. */
function transposed(data: Uint8Array, width: number, height: number): Uint8Array {
  const turned = new Uint8Array(data.length);
  for (let left = 0; left < width; left += BLOCK) {
    const right = Math.min(width, left + BLOCK);
    for (let y = 0; y < height; y++) {
      for (let x = left; x < right; x++) {
        const [from, to] = [3 * (y * width + x), 3 * (x * height + y)];
        turned[to] = data[from];
        turned[to + 1] = data[from + 1];
        turned[to + 2] = data[from + 2];
      }
    }
  }
  return turned;
}

const BLOCK = 32;

/** Compiled at the first picture. */
let kernel: ResampleKernel | undefined;

function checkSize(width: number, height: number): void {
  if (Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0) return;
  throw new RangeError(`expected a positive width and height in pixels, got ${width} x ${height}`);
}

function coefficients(from: number, to: number, filter: Filter, start: number, count: number): Coefficients {
  const { support, weight } = FILTERS[filter];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const reach = support * stretch;
  const taps = Math.min(from, Math.ceil(reach) * 2 + 1);
  const first = new Int32Array(count);
  const weights = new Int32Array(count * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < count; i++) {
    const center = (start + i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - reach + 0.5));
    const high = Math.min(from, Math.trunc(center + reach + 0.5));
    let sum = 0;
    for (let x = low; x < high; x++) {
      exact[x - low] = weight((x - center + 0.5) * (1 / stretch));
      sum += exact[x - low];
    }
    // Windows of equal length keep the inner loop simple: near the far edge they start earlier, with zeros in front.
    first[i] = Math.min(low, from - taps);
    const shift = i * taps + low - first[i];
    for (let x = 0; x < high - low; x++) weights[shift + x] = toFixed(exact[x] / sum);
  }
  return { first, weights, taps };
}

function toFixed(weight: number): number {
  return Math.trunc(weight * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5));
}
