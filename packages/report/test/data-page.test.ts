import { expect, it } from 'vitest';
import { categoryChart, histogram, jpegDataUrl, renderDataPage, splitChart, tagChart } from '../src/index.js';

const sample = {
  frames: [{ label: 'first', dataUrl: 'data:image/jpeg;base64,AAAA' }],
  title: '<b>猫',
  category: '0100',
  ocr: [
    { time: 0, text: '一' },
    { time: 2, text: '二' },
  ],
  asr: '',
  tags: ['宠物'],
  about: 'labeled · 1',
};

it('a data set shows its counts, charts, warnings and samples', () => {
  const videos = ['labeled', 'labeled', 'test_a'].map((split) => ({ split, categoryId: '0100' }));
  const page = renderDataPage({
    title: 'Cats',
    about: 'All of them.',
    facts: [['videos', '3']],
    splits: {
      ...{ about: 'Two.', head: ['split', 'videos'], rows: [['labeled', '2']] },
      chart: splitChart([
        { split: 'labeled', videos: 2 },
        { split: 'test_a', videos: 1 },
      ]),
    },
    warnings: ['a.mp4: no sound'],
    videos: 3000,
    samples: [sample],
    sections: [
      {
        ...{ title: 'Categories', about: 'One.' },
        charts: [
          categoryChart(videos, { splits: ['labeled', 'test_a'], ids: ['0100'], groups: { '01': '动物' } }),
          histogram([1, 2, 2, 30], 'seconds'),
        ],
      },
      { title: 'Tags', about: 'One.', charts: [tagChart([{ tag: '宠物', count: 2 }], 'videos')] },
    ],
    footer: 'Made by a test.',
  });
  for (const text of ['1 of 3,000 videos', 'a.mp4: no sound', '&#60;b&#62;猫', '<i>2 s</i> 二', '<dd>-</dd>', '动物'])
    expect(page).toContain(text);
  expect(page.match(/<svg /g)).toHaveLength(4);
  expect(page.match(/<article/g)).toHaveLength(1);
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
  expect(page).toContain('var(--split-3)'); // the last split keeps its colour, however many there are
});

it('a picture becomes an address', () => {
  expect(jpegDataUrl(Uint8Array.of(255, 216, 0))).toBe('data:image/jpeg;base64,/9gA');
});
