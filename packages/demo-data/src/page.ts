import { joinNames, type CategoryName } from '@wbdc/data';
import { categoryChart, renderDataPage, splitChart, tagChart, type Fact, type SampleCard } from '@wbdc/report';
import type { DemoPlan } from './plan.js';
import type { Sample } from './samples.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSummary } from './summary.js';
import type { TagCount } from '@wbdc/data';

/** What the page shows. */
export interface PageContent {
  readonly summary: DemoSummary;
  readonly plan: DemoPlan;
  readonly tags: readonly TagCount[];
  readonly categories: Readonly<Record<string, CategoryName>>;
  readonly samples: readonly Sample[];
}

/** `index.html` of the data set: counts, sample videos, and how categories and tags are spread. Needs no other file. */
export function demoPage({ summary, plan, tags, categories, samples }: PageContent): string {
  const videos = DEMO_SPLITS.flatMap((split) => plan[split].map(({ categoryId }) => ({ split, categoryId })));
  const groups = Object.fromEntries(Object.entries(categories).map(([id, { group }]) => [id.slice(0, 2), group.zh]));
  return renderDataPage({
    title: 'Emoji as short videos',
    about:
      'The demo data set in the official WBDC layout. Each video is one emoji: its frames are the drawings of ' +
      'several vendors, its texts and tags were written by the Unicode CLDR and emojibase projects in several ' +
      'varieties of ' +
      'Chinese.',
    facts: facts(summary),
    splits: {
      about:
        'Items that are drawn alike (skin tones, genders, directions) never stand in two splits. Skin variants are ' +
        'unlabelled only.',
      ...splitTable(summary),
      chart: splitChart(DEMO_SPLITS.map((split) => ({ split, videos: summary.splits[split].videos }))),
    },
    videos: summary.videos,
    samples: samples.map((sample) => card(sample, categories)),
    sections: [
      {
        title: 'Categories',
        about:
          `${summary.categories} categories on level 2, in ${Object.keys(groups).length} groups on level 1: ` +
          `videos of ` +
          'each, with a long tail.',
        charts: [categoryChart(videos, { splits: DEMO_SPLITS, ids: Object.keys(categories), groups })],
      },
      {
        title: 'Tags',
        about:
          `The 40 most frequent of ${count(summary.tags)} tags in tag_list.txt, by the number of training items that ` +
          'carry them.',
        charts: [tagChart(tags.slice(0, 40), 'items')],
      },
    ],
    footer: footer(summary),
  });
}

function facts({ videos, frames, categories, tags, imageSize, imageBytes }: DemoSummary): Fact[] {
  return [
    ['videos', count(videos)],
    ['frames', count(frames)],
    ['categories', count(categories)],
    ['tags', count(tags)],
    ['frame side', `${imageSize} px`],
    ['pictures', `${(imageBytes / 2 ** 20).toFixed(1)} MiB`],
  ];
}

function splitTable({ splits }: DemoSummary): { head: string[]; rows: string[][] } {
  const rows = DEMO_SPLITS.map((split) => {
    const { items, videos, frames, categories } = splits[split];
    return [split, ...[items, videos, frames, categories].map(count)];
  });
  return { head: ['split', 'items', 'videos', 'frames', 'categories'], rows };
}

function card({ split, video, frames }: Sample, categories: PageContent['categories']): SampleCard {
  return {
    frames: frames.map(({ vendor, dataUrl }) => ({ label: vendor, dataUrl })),
    title: video.title,
    category: `${video.categoryId} ${joinNames(categories[video.categoryId], 'zh')}`,
    categoryNote: joinNames(categories[video.categoryId], 'en'),
    ocr: video.ocr,
    asr: video.asr,
    tags: video.tags,
    about: `${split} · ${video.id}`,
  };
}

function footer({ sources, seed }: DemoSummary): string {
  const packages = Object.entries(sources).map(([name, version]) => `${name} ${version}`);
  const licences = 'Fluent MIT, Twemoji CC-BY 4.0, OpenMoji CC-BY-SA 4.0';
  return `Seed ${seed}. From ${packages.join(', ')}. Licences of texts and art: LICENSES.md; ${licences}.`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
