import { readFileSync } from 'node:fs';

export const FIXTURES = new URL('fixtures/', import.meta.url);

export function fixtureBytes(name: string): Uint8Array {
  return readFileSync(new URL(name, FIXTURES));
}

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as T;
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

/** What tools/parity/clip_image.py writes. */
export interface ImageFixture {
  readonly decoded: readonly { file: string; pixels: string }[];
  readonly resized: readonly {
    file: string;
    width: number;
    height: number;
    filter: 'bicubic' | 'bilinear';
    pixels: string;
  }[];
  readonly processed: readonly {
    file: string;
    size: number;
    statistics: 'clip' | 'imagenet';
    pixels: string;
    values: string;
  }[];
  readonly features: readonly { file: string; pooled: number[] }[];
}
