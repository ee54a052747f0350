import sharp from 'sharp';
import type { Image } from './image-data.js';
import { STATISTICS, cropExactly, mirror, normalize, towerBox, type Place, type Preprocessing } from './pixels.js';
import type { Box, Filter } from './resample.js';

/**
 * Shorter side to S (or `resize`), then the centred S x S, or in training that at a place: the picture as the tower
 * sees it, still in bytes.
 */
export async function cropForTower(image: Image, settings: Preprocessing, place?: Place): Promise<Image> {
  const { width, height, box } = towerBox(image, settings, place);
  // Enlarging, sharp interpolates in another way, and there the exact result costs little.
  const exact = settings.resizer === 'pillow' || width > image.width || height > image.height;
  if (exact) return cropExactly(image, settings, place);
  const square = await resizeFast(image, settings.filter, width, height, box);
  return place?.mirrored ? mirror(square) : square;
}

async function resizeFast(image: Image, filter: Filter, width: number, height: number, box: Box): Promise<Image> {
  // libvips computes on demand: here, too, only the square.
  const data = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(width, height, { kernel: filter === 'bicubic' ? 'cubic' : 'linear', fit: 'fill' })
    .extract(box)
    .raw()
    .toBuffer();
  return { width: box.width, height: box.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

/** A decoded picture as the tower's input `[3, S, S]`: resized, cropped and normalised. */
export async function preprocess(image: Image, settings: Preprocessing): Promise<Float32Array> {
  return normalize(await cropForTower(image, settings), STATISTICS[settings.statistics]);
}
