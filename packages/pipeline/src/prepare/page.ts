import {
  chooseSamples,
  evenStride,
  joinNames,
  WBDC_SPLITS,
  wbdcLayout,
  type CategoryNames,
  type TagCount,
} from '@wbdc/data';
import {
  categoryChart,
  histogram,
  jpegDataUrl,
  renderDataPage,
  splitChart,
  tagChart,
  type ChartSection,
  type SampleCard,
} from '@wbdc/report';
import { counted, formatCount } from '@wbdc/report/format';
import { jpegThumbnail, readFrameZip } from '@wbdc/video-features';
import type { SplitItem } from './item.js';
import type { PrepareSummary } from './summary.js';

export interface PageContent {
  readonly root: string;
  readonly name: string;
  readonly items: readonly SplitItem[];
  readonly summary: PrepareSummary;
  readonly names: CategoryNames;
  readonly tags: readonly TagCount[];
  readonly warnings: readonly string[];
}

const SAMPLES = 10;
const SAMPLE_FRAMES = 4;
const SAMPLE_SIDE = 192;

/** `index.html`: counts, lengths, labels, warnings, and ten videos with some of their frames. */
export async function preparedPage(content: PageContent): Promise<string> {
  const { name, items, summary, warnings } = content;
  const splits = WBDC_SPLITS.filter((split) => summary.splits[split].videos > 0);
  return renderDataPage({
    title: name,
    about:
      'Your videos in the official WBDC layout. Which id is which video stands in ids.tsv, every warning in ' +
      'warnings.tsv.',
    facts: [
      ['videos', formatCount(summary.videos)],
      ['frames', formatCount(summary.frames)],
      ['categories', formatCount(summary.categories)],
      ['tags', formatCount(summary.tags)],
      ['unreadable', formatCount(summary.unreadable)],
    ],
    splits: {
      about:
        'Labelled videos are divided by category; videos that show the same pictures, or that your table puts into ' +
        'one group, never stand on both sides. Unlabelled videos are learned from.',
      head: ['split', 'videos', 'frames', 'with text', 'categories'],
      rows: splits.map((split) => {
        const { videos, frames, withText, categories } = summary.splits[split];
        return [split, ...[videos, frames, withText, categories].map(formatCount)];
      }),
      chart: splitChart(splits.map((split) => ({ split, videos: summary.splits[split].videos }))),
    },
    warnings,
    videos: items.length,
    samples: await Promise.all(choose(items).map((item) => card(item, content))),
    sections: [lengths(items), ...categories(content, splits), ...tagSection(content)],
    footer: `Made by wbdc prepare, seed ${summary.settings.seed}. Frames: ${describeSampling(summary)}.`,
  });
}

function describeSampling({ settings: { fps, limit, side } }: PrepareSummary): string {
  const which = fps === null ? `${limit} evenly` : `${fps} a second, at most ${limit} evenly`;
  return `${which}, shorter side at most ${side} pixels`;
}

function choose(items: readonly SplitItem[]): SplitItem[] {
  return chooseSamples(items, {
    count: SAMPLES,
    groupOf: ({ categoryId }) => categoryId?.slice(0, 2) ?? '',
    richnessOf: ({ text: { title, asr, tags } }) =>
      Math.min(title.length, 4) + Math.min(asr.length, 1) + Math.min(tags.length, 3),
  });
}

async function card({ id, split, categoryId, source, text }: SplitItem, content: PageContent): Promise<SampleCard> {
  const files = await readFrameZip(wbdcLayout(content.root).frameZip(split, id));
  const indices = Array.from(evenStride(files.length, SAMPLE_FRAMES));
  const frames = indices.map(async (index) => ({
    label: `${index + 1} of ${files.length}`,
    dataUrl: jpegDataUrl(await jpegThumbnail(files[index].bytes, SAMPLE_SIDE)),
  }));
  return {
    frames: await Promise.all(frames),
    title: text.title,
    category: categoryId === undefined ? 'no category' : `${categoryId} ${joinNames(content.names[categoryId], 'zh')}`,
    ocr: text.ocr.slice(0, 6),
    asr: shortened(text.asr),
    tags: text.tags.slice(0, 12),
    about: `${split} · ${id} · ${source.name}`,
  };
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}

function lengths(items: readonly SplitItem[]): ChartSection {
  const of = (measure: (item: SplitItem) => number | undefined): number[] =>
    items.map(measure).filter((value): value is number => value !== undefined);
  const measures = [
    { values: of(({ text }) => [...text.title].length), label: 'characters of the title' },
    { values: of(({ text }) => text.ocr.reduce((sum, line) => sum + line.text.length, 0)), label: 'characters of OCR' },
    { values: of(({ text }) => [...text.asr].length), label: 'characters of ASR' },
    { values: of(({ decoded }) => decoded.frames), label: 'frames' },
    { values: of(({ decoded }) => decoded.seconds), label: 'seconds from the first frame to the last' },
  ].filter(({ values }) => values.some((value) => value > 0));
  return {
    title: 'Lengths',
    about: 'How long texts and videos are; what nothing has is not shown.',
    charts: measures.map(({ values, label }) => histogram(values, label)),
  };
}

function categories({ items, names, summary }: PageContent, splits: readonly string[]): ChartSection[] {
  const videos = items.flatMap(({ split, categoryId }) => (categoryId === undefined ? [] : [{ split, categoryId }]));
  if (videos.length === 0) return [];
  const used = new Set(videos.map(({ categoryId }) => categoryId));
  const ids = Object.keys(names).filter((id) => used.has(id));
  const groups = Object.fromEntries(ids.map((id) => [id.slice(0, 2), names[id].group.zh]));
  const count = counted(summary.categories, 'category', 'categories');
  const about = `${count} in ${counted(Object.keys(groups).length, 'group')} on level 1: videos of each.`;
  return [{ title: 'Categories', about, charts: [categoryChart(videos, { splits, ids, groups })] }];
}

function tagSection({ tags, summary }: PageContent): ChartSection[] {
  if (tags.length === 0) return [];
  const which = tags.length > 40 ? `The 40 most frequent of ${formatCount(summary.tags)} tags` : `All tags`;
  const about = `${which} in tag_list.txt, by the number of videos to learn from that carry them.`;
  return [{ title: 'Tags', about, charts: [tagChart(tags.slice(0, 40), 'videos')] }];
}
