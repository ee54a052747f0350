/** The type of a buffer's elements. */
type ElementType = 'f32' | 'i32' | 'u32' | 'vec4f' | 'atomic<u32>';
export type ParamType = 'f32' | 'i32' | 'u32';

/**
 * A compute kernel in WGSL. Its buffers and the struct `u` of its numbers are declared by their names; the code has the
 * rest, its entry is `main`.
 */
export interface KernelSource {
  /** For errors. */
  readonly name: string;
  /** Buffers that it writes, and may read. */
  readonly write: Readonly<Record<string, ElementType>>;
  readonly read: Readonly<Record<string, ElementType>>;
  readonly params: Readonly<Record<string, ParamType>>;
  /** The numbers are others each time, not a function of shapes and settings: they are not kept. */
  readonly changing?: boolean;
  readonly code: string;
  /** Language features in use: `f16`, `subgroups`. */
  readonly enable?: readonly string[];
  /** Diagnostics of the compiler that are switched off. */
  readonly unchecked?: readonly string[];
}

export function shaderOf({ write, read, params, code, enable = [], unchecked = [] }: KernelSource): string {
  const buffers = [
    ...Object.entries(write).map(([name, type]) => ({ name, type, access: 'read_write' })),
    ...Object.entries(read).map(([name, type]) => ({ name, type, access: 'read' })),
  ];
  const declared = buffers.map(
    ({ name, type, access }, i) => `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${type}>;`,
  );
  const fields = Object.entries(params).map(([name, type]) => `${name}: ${type},`);
  const struct = `struct Params { ${fields.join(' ')} }`;
  const uniform = `${struct}\n@group(0) @binding(${buffers.length}) var<uniform> u: Params;`;
  const directives = [
    ...enable.map((name) => `enable ${name};`),
    ...unchecked.map((name) => `diagnostic(off, ${name});`),
  ];
  return [...directives, uniform, ...declared, code].join('\n');
}

/** Threads of a workgroup, where nothing asks for another number. */
export const THREADS = 256;

/** Parameters of an entry that goes over values one by one; {@link EACH} gives their number. */
export const EACH_ENTRY = `@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u)`;

/** The value of this thread; the number of values is `u.n`. */
export const EACH = `let i = id.y * groups.x * ${THREADS}u + id.x;
  if (i >= u.n) { return; }`;

/** The row of this workgroup; the number of rows is `u.rows`. */
export const EACH_ROW = `let row = group.y * groups.x + group.x;
  if (row >= u.rows) { return; }`;

/** Parameters of an entry that goes over rows, one for each workgroup. */
export function rowEntry(threads: number): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) t: u32)`;
}

const MOST_GROUPS = 65_535;

/** Workgroups for so many values or rows, in two dimensions where one does not hold them. */
export function groupsFor(count: number, each = 1): [number, number, number] {
  const groups = Math.ceil(count / each);
  if (groups <= MOST_GROUPS) return [groups, 1, 1];
  const y = Math.ceil(groups / MOST_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}

/** A sum over the threads of a workgroup, the same to all of them: in a tree, so the same bits each time. */
export function workgroupSum(threads: number, type: 'f32' | 'vec2f'): string {
  return `var<workgroup> parts: array<${type}, ${threads}>;
fn total(value: ${type}, t: u32) -> ${type} {
  parts[t] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half >>= 1u) {
    if (t < half) { parts[t] += parts[t + half]; }
    workgroupBarrier();
  }
  let sum = parts[0];
  workgroupBarrier();
  return sum;
}`;
}
