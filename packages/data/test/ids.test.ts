import { expect, it } from 'vitest';
import { stableId } from '../src/ids.js';

it('gives a name the same id for ever', () => {
  // The first 8 bytes of the SHA-256, as a number h: 10^18 + h mod (2^64 - 10^18).
  expect(stableId('video/cats/1.mp4')).toBe('17205378952377106956');
});
