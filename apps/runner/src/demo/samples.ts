import { foldIn, permutation, randomKey } from '@wbdc/nn';
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

/** Videos to look at: one from each of `count` groups as far as there are so many, drawn at random but the same every time. */
export async function drawSamples(plan: DemoPlan, imageSize: number, count = 10): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const { split, video } of chooseSamples(plan, count)) {
    const images = await drawFrames(video.drawings, imageSize);
    const frames = images.map(({ bytes }, index) => ({
      vendor: video.drawings[index].vendor,
      dataUrl: `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}`,
    }));
    samples.push({ split, video, frames });
  }
  return samples;
}

/** Well-described videos first: a sample without tags or without speech shows little. */
function chooseSamples(plan: DemoPlan, count: number): { split: DemoSplit; video: DemoVideo }[] {
  const all = DEMO_SPLITS.flatMap((split) => plan[split].map((video) => ({ split, video })));
  const shuffled = Array.from(permutation(foldIn(randomKey(0), 'demo samples'), all.length), (index) => all[index]);
  shuffled.sort((a, b) => richness(b.video) - richness(a.video));
  const groups = new Set<string>();
  const first = shuffled.filter(({ video }) => {
    const group = video.categoryId.slice(0, 2);
    return !groups.has(group) && groups.add(group);
  });
  const rest = shuffled.filter((sample) => !first.includes(sample));
  const chosen = [...first, ...rest].slice(0, count);
  return chosen.sort((a, b) => (a.video.categoryId < b.video.categoryId ? -1 : 1));
}

function richness({ tags, asr, drawings }: DemoVideo): number {
  return Math.min(tags.length, 3) + Math.min(asr.length, 1) + drawings.length;
}
