import { readDistinctVideos, wbdcLayout, type CategoryNames } from '@wbdc/data';
import { exists, readJson } from '@wbdc/io';
import { jpegDataUrl } from '@wbdc/report';
import { readFrameZip } from '@wbdc/video-features';
import sharp from 'sharp';

/** A video as a page shows it. */
export interface ShownVideo {
  readonly title: string;
  /** Data URLs. */
  readonly frames: readonly string[];
}

/** Pixels of a shown frame. */
const SIDE = 56;

/** Titles and a few frames of videos of a split in the WBDC layout. */
export async function readVideos(
  root: string,
  split: string,
  ids: ReadonlySet<string>,
  most = 3,
): Promise<Map<string, ShownVideo>> {
  const layout = wbdcLayout(root);
  const shown = new Map<string, ShownVideo>();
  for await (const { id, title } of readDistinctVideos(layout.annotations(split), { onBad: () => undefined })) {
    if (!ids.has(id)) continue;
    const zip = layout.frameZip(split, id);
    const files = (await exists(zip)) ? await readFrameZip(zip) : []; // records of AIAC hold features alone
    shown.set(id, { title, frames: await Promise.all(files.slice(0, most).map(({ bytes }) => toDataUrl(bytes))) });
  }
  return shown;
}

async function toDataUrl(bytes: Uint8Array): Promise<string> {
  const small = await sharp(bytes).resize(SIDE, SIDE, { fit: 'cover' }).jpeg({ quality: 80 }).toBuffer();
  return jpegDataUrl(small);
}

/** English names of the embedded data set's categories: of level 1 by two digits, of level 2 by four. */
export async function readCategoryNames(root: string): Promise<(id: string) => string> {
  const path = wbdcLayout(root).categories;
  if (!(await exists(path))) return () => '';
  const categories = (await readJson(path)) as CategoryNames;
  const names = new Map<string, string>();
  for (const [id, { group, subgroup }] of Object.entries(categories))
    names.set(id, subgroup.en).set(id.slice(0, 2), group.en);
  return (id) => names.get(id) ?? '';
}
