import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, writeAnnotations, writeFrameZip } from '@wbdc/data';
import { randomKey } from '@wbdc/nn';
import { clipVision, type ClipVisionConfig } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import sharp from 'sharp';

/** A folder with data in the WBDC layout and published vision towers: all that the features stage reads. */
export interface World {
  readonly folder: string;
  readonly ids: Readonly<Record<string, readonly string[]>>;
}

export interface WorldOptions {
  /** Videos of each split. */
  readonly videos: Readonly<Record<string, number>>;
  /** Frames of video i. */
  readonly frames: (i: number) => number;
  readonly tower: ClipVisionConfig;
}

const PICTURES = 53;

export async function makeWorld({ videos, frames, tower }: WorldOptions): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-features-'));
  const ids: Record<string, string[]> = {};
  const pictures = await Promise.all(Array.from({ length: PICTURES }, (_, i) => picture(i)));
  await mkdir(join(folder, 'my/annotations'), { recursive: true });
  for (const [s, [split, count]] of Object.entries(videos).entries()) {
    const of = Array.from({ length: count }, (_, i) => `${s + 1}${String(i).padStart(18, '0')}`);
    ids[split] = of;
    const records = of.map((id) => ({ id, title: `视频 ${id}`, asr: '', ocr: [] }));
    await writeAnnotations(join(folder, `my/annotations/${split}.json`), records);
    for (const [i, id] of of.entries()) {
      const own = Array.from({ length: frames(i) }, (_, k) => pictures[(7 * i + 3 * k + s) % PICTURES]);
      const files = own.map((bytes, k) => ({ name: `${String(k).padStart(3, '0')}.jpg`, bytes }));
      await writeFrameZip(wbdcLayout(join(folder, 'my')).frameZip(split, id), files);
    }
  }
  for (const [seed, name] of ['tower', 'other-tower'].entries()) {
    await saveClipVision(join(folder, name), clipVision(tower).init(randomKey(seed + 1)), tower);
  }
  return { folder, ids };
}

function picture(i: number): Promise<Buffer> {
  const background = { r: (31 * i) % 256, g: (87 * i) % 256, b: (143 * i) % 256 };
  return sharp({ create: { width: 20, height: 18, channels: 3, background } })
    .jpeg()
    .toBuffer();
}
