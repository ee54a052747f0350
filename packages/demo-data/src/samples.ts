import { chooseSamples } from '@wbdc/data';
import { jpegDataUrl } from '@wbdc/report';
import { drawFrames } from './images.js';
import type { DemoVideo } from './items.js';
import type { DemoPlan } from './plan.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSplit } from './splits.js';

/** A video as the page shows it. */
export interface Sample {
  readonly split: DemoSplit;
  readonly video: DemoVideo;
  readonly frames: readonly { vendor: string; dataUrl: string }[];
}

/** Videos to look at: one from each of `count` groups, as far as there are so many; the same every time. */
export async function drawSamples(plan: DemoPlan, imageSize: number, count = 10): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const { split, video } of choose(plan, count)) {
    const images = await drawFrames(video.drawings, imageSize);
    const frames = images.map(({ bytes }, index) => ({
      vendor: video.drawings[index].vendor,
      dataUrl: jpegDataUrl(bytes),
    }));
    samples.push({ split, video, frames });
  }
  return samples;
}

function choose(plan: DemoPlan, count: number): { split: DemoSplit; video: DemoVideo }[] {
  const all = DEMO_SPLITS.flatMap((split) => plan[split].map((video) => ({ split, video })));
  const chosen = chooseSamples(all, {
    count,
    groupOf: ({ video }) => video.categoryId.slice(0, 2),
    richnessOf: ({ video: { tags, asr, drawings } }) =>
      Math.min(tags.length, 3) + Math.min(asr.length, 1) + drawings.length,
  });
  return chosen.sort((a, b) => (a.video.categoryId < b.video.categoryId ? -1 : 1));
}
