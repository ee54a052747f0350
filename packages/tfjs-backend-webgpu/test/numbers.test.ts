import { describe, expect, it } from 'vitest';
import { KeptNumbers } from '../src/numbers.js';

/** A device of which the numbers need its writes alone. */
function newNumbers(bytes: number): { kept: KeptNumbers; memory: Uint32Array; told: string[] } {
  const memory = new Uint32Array(bytes / 4);
  const told: string[] = [];
  const device = {
    limits: { minUniformBufferOffsetAlignment: 64 },
    createBuffer: () => ({}),
    queue: {
      writeBuffer: (_: unknown, offset: number, words: Uint32Array) => {
        told.push('written');
        memory.set(words, offset / 4);
      },
    },
  };
  Reflect.set(globalThis, 'GPUBufferUsage', { UNIFORM: 64, COPY_DST: 8 });
  return { kept: new KeptNumbers(device as unknown as GPUDevice, () => void told.push('full'), bytes), memory, told };
}

describe('numbers of kernels', () => {
  it('are written once, also where others have their hash', () => {
    const { kept, memory, told } = newNumbers(1024);
    const lists = [
      [1, 0, 0, 7],
      [1, 0, 0, 8],
      [0, 31, 0, 7],
      [1, 0, 0, 7, 0, 0, 0, 0],
    ]; // the first and third alike
    const places = lists.map((list) => kept.regionOf(Uint32Array.from([...list, 99]), list.length).offset);
    expect(new Set(places).size).toBe(lists.length);
    lists.forEach((list, i) => expect(Array.from(memory.subarray(places[i] / 4).slice(0, list.length))).toEqual(list));
    expect(lists.map((list) => kept.regionOf(Uint32Array.from(list), list.length).offset)).toEqual(places);
    expect(told).toEqual(lists.map(() => 'written'));
  });

  it('begin anew where there is no room left, and say so before', () => {
    const { kept, memory, told } = newNumbers(256);
    const place = (n: number): number => kept.regionOf(Uint32Array.of(n, 0, 0, 0), 4).offset;
    expect([1, 2, 3, 4].map(place)).toEqual([0, 64, 128, 192]);
    expect(place(5)).toBe(0);
    expect(told.slice(-2)).toEqual(['full', 'written']);
    expect(memory[0]).toBe(5);
    expect(place(1)).toBe(64); // it was forgotten
    expect(memory[16]).toBe(1);
  });
});
