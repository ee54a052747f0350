import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openWeights } from '../../src/node.js';

interface Case {
  readonly protocol: number;
  readonly container: 'zip' | 'legacy';
  /** Before all names; such files hold a training's state beside the weights. */
  readonly prefix: string;
  readonly file: string;
}
const cases = JSON.parse(readFileSync(new URL('../fixtures/protocols.json', import.meta.url), 'utf8')) as Case[];

const folder = mkdtempSync(join(tmpdir(), 'wbdc-protocols-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a checkpoint of torch.save', () => {
  it.each(cases)('is read in protocol $protocol, container $container, prefix "$prefix"', async ({ file }) => {
    const path = join(folder, 'pytorch_model.bin');
    writeFileSync(path, Buffer.from(file, 'base64'));
    const weights = await openWeights(folder);
    expect([...weights.tensors.keys()]).toEqual(['w', 'b']);
    expect(await weights.read('w')).toMatchObject({ shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    expect(await weights.read('b')).toMatchObject({ data: Float32Array.of(0.5, -2) });
    await weights.close();
  });

  it('is none with a prefix before some names alone', async () => {
    const header = {
      'module.a': { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
      b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
    };
    const json = Buffer.from(JSON.stringify(header).padEnd(128));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(json.length));
    const path = join(folder, 'some.safetensors');
    writeFileSync(path, Buffer.concat([size, json, Buffer.alloc(8)]));
    const weights = await openWeights(path);
    expect([...weights.tensors.keys()]).toEqual(['module.a', 'b']);
    await weights.close();
  });
});
