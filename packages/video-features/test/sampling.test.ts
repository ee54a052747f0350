import { describe, expect, it } from 'vitest';
import { SourceError, sampleFrames } from '../src/index.js';

const pictures = (count: number) => ({ name: 'v', count });
const video = (...times: number[]) => ({ name: 'v', count: times.length, times });

describe('sampleFrames', () => {
  it('takes all, or evenly at most some', () => {
    expect(sampleFrames({ kind: 'all' }, pictures(5), 'a')).toEqual([0, 1, 2, 3, 4]);
    expect(sampleFrames({ kind: 'even', limit: 3 }, pictures(7), 'a')).toEqual([0, 2, 4]);
    expect(sampleFrames({ kind: 'even', limit: 7 }, pictures(3), 'a')).toEqual([0, 1, 2]);
    expect(sampleFrames({ kind: 'even', limit: 3 }, pictures(0), 'a')).toEqual([]);
  });

  it('draws a sorted subset that depends on seed and video alone', () => {
    const draw = (seed: number, id: string) => sampleFrames({ kind: 'random', limit: 5, seed }, pictures(97), id);
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
    expect(draw(1, 'a')).toEqual([...new Set(draw(1, 'a'))].sort((a, b) => a - b));
    expect(sampleFrames({ kind: 'random', limit: 5, seed: 1 }, pictures(3), 'a')).toEqual([0, 1, 2]);
  });

  it('takes the frames shown at the ticks of a rate', () => {
    const ten = video(...Array.from({ length: 10 }, (_, i) => i / 10));
    expect(sampleFrames({ kind: 'fps', fps: 3 }, ten, 'a')).toEqual([0, 3, 6]);
    expect(sampleFrames({ kind: 'fps', fps: 5 }, ten, 'a')).toEqual([0, 2, 4, 6, 8]);
    expect(sampleFrames({ kind: 'fps', fps: 30 }, ten, 'a')).toEqual(ten.times.map((_, i) => i));
    expect(sampleFrames({ kind: 'fps', fps: 5, limit: 2 }, ten, 'a')).toEqual([0, 4]);
    // A still of 3 seconds is shown at 0, 1 and 2, and taken once.
    expect(sampleFrames({ kind: 'fps', fps: 1 }, video(0, 3, 3.5, 4.25), 'a')).toEqual([0, 1, 2]);
    expect(sampleFrames({ kind: 'fps', fps: 1 }, video(0), 'a')).toEqual([0]);
  });

  it('needs times for a rate', () => {
    const call = () => sampleFrames({ kind: 'fps', fps: 1 }, pictures(3), 'a');
    expect(call).toThrow(SourceError);
    expect(call).toThrow('v: expected frames with times, got pictures');
  });
});
