import { characterOverlap, cosine, tfidf, tfidfCosine } from '@wbdc/metrics';
import { describe, expect, it } from 'vitest';
import { categoryBaselines, pairBaselines, type PlainVideo } from '../src/index.js';

const videos = new Map<string, PlainVideo>([
  ['a', { title: '一只黑猫', texts: '一只黑猫 在睡觉', frames: [1, 0, 0.5] }],
  ['b', { title: '黑猫', texts: '黑猫 醒了', frames: [1, 0.1, 0.5] }],
  ['c', { title: '红色的汽车', texts: '红色的汽车 开走了', frames: [0, 1, -1] }],
  ['d', { title: '', texts: '' }],
]);
const pairs = [
  { id1: 'a', id2: 'b' },
  { id1: 'a', id2: 'c' },
  { id1: 'c', id2: 'd' },
];

describe('pairs without a model', () => {
  it('have in common what their letters and frames have', () => {
    const scores = pairBaselines(videos, pairs);
    expect(Object.keys(scores)).toEqual([
      'characters in common, titles',
      'TF-IDF, titles',
      'characters in common, all texts',
      'TF-IDF, all texts',
      'frame features',
    ]);
    expect(scores['characters in common, titles'][0]).toBe(characterOverlap('一只黑猫', '黑猫'));
    const read = tfidf([...videos.values()].map(({ texts }) => texts));
    expect(scores['TF-IDF, all texts'][0]).toBe(tfidfCosine(read('一只黑猫 在睡觉'), read('黑猫 醒了')));
    expect([...scores['frame features']]).toEqual([
      cosine([1, 0, 0.5], [1, 0.1, 0.5]),
      cosine([1, 0, 0.5], [0, 1, -1]),
      0,
    ]);
    expect([...scores['TF-IDF, titles']].slice(2)).toEqual([0]);
  });

  it('of titles alone have nothing else', () => {
    const plain = new Map([...videos].map(([id, { title }]) => [id, { title: '', texts: title }]));
    expect(Object.keys(pairBaselines(plain, pairs))).toEqual(['characters in common, all texts', 'TF-IDF, all texts']);
  });
});

it('a score that is the same for all pairs is none', () => {
  const same = new Map([...videos].map(([id]) => [id, { title: '猫', texts: `猫${id}`, frames: [1, 2] }]));
  expect(Object.keys(pairBaselines(same, pairs))).toEqual([]);
  const some = new Map([...same, ['d', { title: '猫', texts: '犬', frames: [1, 2] }]]);
  expect(Object.keys(pairBaselines(some, pairs))).toEqual(['characters in common, all texts', 'TF-IDF, all texts']);
});

describe('categories without a model', () => {
  const train = [
    { title: '黑猫', texts: '黑猫', frames: [1, 0], category: '0100' },
    { title: '白猫', texts: '白猫', frames: [0.9, 0.3], category: '0101' },
    { title: '汽车', texts: '汽车', frames: [0, 1], category: '0203' },
    { title: '卡车', texts: '卡车', category: '0203' },
  ];
  const asked = [
    { title: '一只白猫', texts: '一只白猫', frames: [1, 0.25] },
    { title: '大卡车', texts: '大卡车', frames: [-1, 2] },
    { title: '鸟', texts: '鸟' },
  ];

  it('are the most frequent one, or those of the nearest', () => {
    expect(categoryBaselines(train, asked)).toEqual({
      'the most frequent category': ['0203', '0203', '0203'],
      'nearest by TF-IDF, titles': ['0101', '0203', '0203'],
      'nearest by TF-IDF, all texts': ['0101', '0203', '0203'],
      'nearest by frame features': ['0101', '0203', '0203'],
    });
  });

  it('find the same neighbour as all cosines do', () => {
    const letters = '一二三四五六七八九十';
    const text = (i: number): string =>
      Array.from({ length: 6 }, (_, k) => letters[(i * 7 + k * k * 3 + i * k) % 10]).join('');
    const many = Array.from({ length: 40 }, (_, i) => ({ title: text(i), texts: text(i), category: String(1000 + i) }));
    const others = Array.from({ length: 15 }, (_, i) => ({ title: text(i + 53).slice(0, 4), texts: text(i + 53) }));
    const read = tfidf(many.map(({ title }) => title));
    const expected = others.map(({ title }) => {
      const cosines = many.map((one) => tfidfCosine(read(title), read(one.title)));
      return Math.max(...cosines);
    });
    const found = categoryBaselines(many, others)['nearest by TF-IDF, titles'];
    found.forEach((category, i) => {
      const own = many[Number(category) - 1000];
      expect(tfidfCosine(read(others[i].title), read(own.title))).toBeCloseTo(expected[i], 12);
    });
  });
});
