import { expect, it } from 'vitest';
import { groupVideos } from '../../src/splits/alike-groups.js';

const fingerprint = (bits: number): Uint16Array => new Uint16Array(16).fill(0x5a3c ^ bits);

it('groups what looks alike, what is the same to the byte, and what one name holds together', () => {
  const videos = [
    { id: 'c', hash: '1', fingerprint: fingerprint(0) },
    { id: 'b', hash: '2', fingerprint: fingerprint(0).with(0, 0x5a3d) },
    { id: 'a', hash: '2', fingerprint: fingerprint(0xff) },
    { id: 'e', hash: '3', fingerprint: fingerprint(0xf0f), group: 'g' },
    { id: 'd', hash: '4', fingerprint: fingerprint(0xff00), group: 'g' },
    { id: 'f', hash: '5', fingerprint: fingerprint(0xffff) },
  ];
  const { groups, alike } = groupVideos(videos);
  expect(videos.map((video) => groups.get(video))).toEqual(['a', 'a', 'a', 'd', 'd', 'f']);
  expect(alike.map((same) => same.map(({ id }) => id))).toEqual([['c', 'b', 'a']]);
});
