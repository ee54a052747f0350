import type { TensorInfo } from '@tensorflow/tfjs';
import type { AdamWAttributes } from '@wbdc/nn/kernels';
import { adamWNames, sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import type { Region } from '../commands.js';
import { groupsFor, THREADS, workgroupSum, type KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';
import type { Place, Slab } from '../slab.js';
import { moveTogether, shelvesFor } from '../shelves.js';

/** Values of a workgroup of the kernels that go over many tensors in one buffer. */
const SPAN = 4096;

/** Finds the segment of a workgroup: `first` of each says at which workgroup it begins. */
const SEGMENT_OF = `fn segmentOf(group: u32) -> u32 {
  var low = 0u;
  var high = u.segments;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (table[middle * WORDS] <= group) { low = middle; } else { high = middle; }
  }
  return low;
}`;

const SPAN_ENTRY = `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) t: u32) {
  let span = group.y * groups.x + group.x;
  if (span >= u.groups) { return; }
  let segment = segmentOf(span);
  let entry = segment * WORDS;
  let begin = (span - table[entry]) * ${SPAN}u;
  let end = min(begin + ${SPAN}u, table[entry + 1u]);`;

/** Sums of squares of spans, of the tensors of one slab. */
const SPAN_SQUARES: KernelSource = {
  name: 'WbdcSumsOfSquares',
  write: { y: 'f32' },
  read: { x: 'f32', table: 'u32' },
  params: { groups: 'u32', segments: 'u32', offset: 'u32' },
  code: `const WORDS = 4u;
${SEGMENT_OF}
${workgroupSum(THREADS, 'f32')}
${SPAN_ENTRY}
  var sum = 0.0;
  for (var i = begin + t; i < end; i += ${THREADS}u) { let v = x[table[entry + 2u] + i]; sum += v * v; }
  let all = total(sum, t);
  if (t == 0u) { y[u.offset + span] = all; }
}`,
};

/** Sums of the spans of each tensor. */
const SPANS_TO_SUMS: KernelSource = {
  name: 'WbdcSumsOfSquares of spans',
  write: { y: 'f32' },
  read: { x: 'f32', table: 'u32' },
  params: { tensors: 'u32' },
  code: `${workgroupSum(THREADS, 'f32')}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let first = table[2u * group.x];
  let past = table[2u * group.x + 1u];
  var sum = 0.0;
  for (var i = first + t; i < past; i += ${THREADS}u) { sum += x[i]; }
  let all = total(sum, t);
  if (t == 0u) { y[group.x] = all; }
}`,
};

/** Where each tensor lies, moved into common slabs where they are not yet in as few as the device's limit allows. */
function gathered(backend: WebGpuBackend, tensors: readonly TensorInfo[]): Place[] {
  const slabs = new Set(tensors.map((tensor) => backend.slabOf(tensor)?.slab));
  if (slabs.size > 1 || slabs.has(undefined)) {
    const sizes = tensors.map(({ shape }) => sizeOf(shape));
    const shelves = shelvesFor(sizes, backend.device.limits.maxStorageBufferBindingSize);
    if (slabs.size > shelves.length || slabs.has(undefined)) moveTogether(backend, tensors, shelves);
  }
  return tensors.map((tensor) => backend.slabOf(tensor)!);
}

/** Indices by the value of a function of each. */
function grouped<K>(count: number, keyOf: (i: number) => K): Map<K, number[]> {
  const groups = new Map<K, number[]>();
  for (let i = 0; i < count; i++) {
    const key = keyOf(i);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  return groups;
}

/** All values of a slab, as kernels of many tensors bind it. */
function wholeOf({ buffer, bytes }: Slab): Region {
  return { buffer, offset: 0, bytes };
}

const sumsOfSquares: Fused<'WbdcSumsOfSquares'> = ({ backend, inputs }) => {
  const tensors = Object.values(inputs);
  const places = gathered(backend, tensors);
  const spans = tensors.map(({ shape }) => Math.ceil(sizeOf(shape) / SPAN));
  const total = spans.reduce((sum, count) => sum + count, 0);
  const [squares, release] = backend.scratch(4 * Math.max(1, total));
  const ranges = new Uint32Array(2 * tensors.length);
  let offset = 0;
  for (const [slab, members] of grouped(tensors.length, (i) => places[i].slab)) {
    const table = new Uint32Array(4 * members.length);
    let groups = 0;
    members.forEach((member, i) => {
      table.set([groups, sizeOf(tensors[member].shape), places[member].offset / 4], 4 * i);
      ranges.set([offset + groups, offset + groups + spans[member]], 2 * member);
      groups += spans[member];
    });
    const [entries, done] = backend.upload(table);
    const params = { groups, segments: members.length, offset };
    dispatch(backend, SPAN_SQUARES, { y: squares, x: wholeOf(slab), table: entries }, params, groupsFor(groups));
    done();
    offset += groups;
  }
  const y = backend.empty([tensors.length]);
  const [table, done] = backend.upload(ranges);
  dispatch(backend, SPANS_TO_SUMS, { y, x: squares, table }, { tensors: tensors.length }, [tensors.length, 1, 1]);
  done();
  release();
  return [y];
};

/** In the order of the table's words. */
const NUMBERS = ['kept', 'beta1', 'beta2', 'share1', 'share2', 'rate', 'epsilon', 'decay', 'gain'] as const;
const WORDS = 4 + NUMBERS.length + 3;

const adamWSource = (averaging: boolean): KernelSource => ({
  name: 'WbdcAdamWAll',
  write: { p: 'f32', m: 'f32', v: 'f32', ...(averaging && { e: 'f32' }) },
  read: { g: 'f32', table: 'u32' },
  params: { groups: 'u32', segments: 'u32' },
  code: `const WORDS = ${WORDS}u;
${SEGMENT_OF}
${SPAN_ENTRY}
  let to = table[entry + 2u];
  let source = table[entry + 3u];
  ${NUMBERS.map((name, i) => `let ${name} = bitcast<f32>(table[entry + ${4 + i}u]);`).join('\n  ')}
  for (var i = begin + t; i < end; i += ${THREADS}u) {
    let q = g[source + i];
    let first = beta1 * m[to + i] + share1 * q;
    let second = beta2 * v[to + i] + share2 * q * q;
    let w = kept * p[to + i] - rate * first / (sqrt(second) + epsilon);
    m[to + i] = first;
    v[to + i] = second;
    p[to + i] = w;
    ${averaging ? 'e[to + i] = decay * e[to + i] + gain * w;' : ''}
  }
}`,
});

const PLAIN = adamWSource(false);
const AVERAGING = adamWSource(true);

/** A parameter with what its update reads and writes. */
interface Slot {
  readonly p: TensorInfo;
  readonly g: TensorInfo;
  readonly m: TensorInfo;
  readonly v: TensorInfo;
  readonly e: TensorInfo | undefined;
  readonly numbers: AdamWAttributes;
}

/** Where the parameter and its state lie: at the same offset of a slab each. */
interface Home {
  readonly slabs: readonly Slab[];
  readonly offset: number;
}

/** Each slab of parameters with those of their states. */
const families = new WeakMap<Slab, readonly Slab[]>();

function statesOf({ p, m, v, e }: Slot): TensorInfo[] {
  return e ? [p, m, v, e] : [p, m, v];
}

function homeOf(backend: WebGpuBackend, slot: Slot): Home | undefined {
  const first = backend.slabOf(slot.p);
  const slabs = first && families.get(first.slab);
  const states = statesOf(slot);
  if (slabs?.length !== states.length) return undefined;
  for (let i = 1; i < slabs.length; i++) {
    const place = backend.slabOf(states[i]);
    if (place?.slab !== slabs[i] || place.offset !== first!.offset) return undefined;
  }
  return { slabs, offset: first!.offset };
}

/** Moves parameters and states into slabs of their own, all in the same order. */
function settle(backend: WebGpuBackend, slots: readonly Slot[]): void {
  const limit = backend.device.limits.maxStorageBufferBindingSize;
  for (const [, members] of grouped(slots.length, (i) => slots[i].e !== undefined)) {
    const shelves = shelvesFor(
      members.map((i) => sizeOf(slots[i].p.shape)),
      limit,
    );
    const columns = statesOf(slots[members[0]]).map((_, role) => members.map((i) => statesOf(slots[i])[role]));
    for (const tensors of columns) moveTogether(backend, tensors, shelves);
    for (const { members: shelf } of shelves) {
      const family = columns.map((tensors) => backend.slabOf(tensors[shelf[0]])!.slab);
      families.set(family[0], family);
    }
  }
}

const adamW: Fused<'WbdcAdamWAll'> = ({ backend, inputs, attrs: { updates } }) => {
  const slots = updates.map((numbers, i): Slot => {
    const { p, g, m, v, e } = adamWNames(i);
    return { p: inputs[p], g: inputs[g], m: inputs[m], v: inputs[v], e: inputs[e], numbers };
  });
  const used = slots.filter(({ p }) => sizeOf(p.shape) > 0);
  let found = used.map((slot) => homeOf(backend, slot));
  if (found.includes(undefined)) {
    settle(
      backend,
      used.filter((_, i) => !found[i]),
    );
    found = used.map((slot) => homeOf(backend, slot));
  }
  const homes = found as readonly Home[];
  const gradients = gathered(
    backend,
    used.map(({ g }) => g),
  );
  for (const [, inHome] of grouped(used.length, (i) => homes[i].slabs[0])) {
    for (const [, members] of grouped(inHome.length, (i) => gradients[inHome[i]].slab)) {
      update(
        backend,
        members.map((i) => inHome[i]).map((i) => ({ slot: used[i], home: homes[i], gradient: gradients[i] })),
      );
    }
  }
  return [];
};

interface Part {
  readonly slot: Slot;
  readonly home: Home;
  readonly gradient: Place;
}

/** One dispatch, for parameters of one slab with gradients of one slab. */
function update(backend: WebGpuBackend, parts: readonly Part[]): void {
  const table = new ArrayBuffer(4 * WORDS * parts.length);
  const [whole, real] = [new Uint32Array(table), new Float32Array(table)];
  let groups = 0;
  let last: AdamWAttributes | undefined; // most parameters share theirs
  let packed: number[] = [];
  parts.forEach(({ slot: { p, numbers }, home, gradient }, i) => {
    const size = sizeOf(p.shape);
    if (numbers !== last) packed = NUMBERS.map((name) => numbers[name]);
    last = numbers;
    whole.set([groups, size, home.offset / 4, gradient.offset / 4], WORDS * i);
    real.set(packed, WORDS * i + 4);
    groups += Math.ceil(size / SPAN);
  });
  const [entries, release] = backend.upload(whole);
  const [p, m, v, e] = parts[0].home.slabs.map(wholeOf);
  const operands = { p, m, v, ...(e && { e }), g: wholeOf(parts[0].gradient.slab), table: entries };
  dispatch(backend, e ? AVERAGING : PLAIN, operands, { groups, segments: parts.length }, groupsFor(groups));
  release();
}

export const optimizerKernels = defineKernels({ WbdcAdamWAll: adamW, WbdcSumsOfSquares: sumsOfSquares });
