/**
 * Dispatches with Dawn alone, everything kept: pipelines, bind groups, one transfer of numbers for 48 of them. What no
 * engine in JavaScript can go below: `node dawn.js <number of dispatches>`.
 */
import { loadDawn, NULL_DEVICE } from '../plain-webgpu.js';
import { serve } from '../serve.js';

const count = Number(process.argv[2]);
const [PIPELINES, BUFFERS, BATCH, APART] = [30, 64, 48, 256];
const code = `struct Params { n: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> u: Params;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < u.n) { y[id.x] = 2.0 * x[id.x]; }
}`;

await serve(async () => {
  const gpu = await loadDawn(NULL_DEVICE);
  const device = await (await gpu.requestAdapter())!.requestDevice();
  const visibility = GPUShaderStage.COMPUTE;
  const layout = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility, buffer: { type: 'storage' } },
      { binding: 1, visibility, buffer: { type: 'read-only-storage' } },
      { binding: 2, visibility, buffer: { type: 'uniform', hasDynamicOffset: true } },
    ],
  });
  const pipelines = Array.from({ length: PIPELINES }, (_, i) =>
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: `${code} // ${i}` }), entryPoint: 'main' },
    }),
  );
  const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
  const buffers = Array.from({ length: BUFFERS }, () => device.createBuffer({ size: 4096, usage: STORAGE }));
  const uniform = device.createBuffer({ size: BATCH * APART, usage: UNIFORM | COPY_DST });
  const numbers = new Uint32Array((BATCH * APART) / 4).fill(1024);
  const groups = Array.from({ length: count }, (_, i) =>
    device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: buffers[i % BUFFERS] } },
        { binding: 1, resource: { buffer: buffers[(i + 7) % BUFFERS] } },
        { binding: 2, resource: { buffer: uniform, size: 16 } },
      ],
    }),
  );
  let dispatches = 0;
  const step = async (): Promise<undefined> => {
    for (let start = 0; start < count; start += BATCH) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (let i = start; i < Math.min(count, start + BATCH); i++) {
        pass.setPipeline(pipelines[i % PIPELINES]);
        pass.setBindGroup(0, groups[i], [(i - start) * APART]);
        pass.dispatchWorkgroups(16);
        dispatches++;
      }
      pass.end();
      device.queue.writeBuffer(uniform, 0, numbers);
      device.queue.submit([encoder.finish()]);
    }
  };
  return {
    about: 'Dawn alone: pipelines and bind groups kept, numbers of 48 in one transfer',
    step,
    dispatches: () => dispatches,
  };
});
