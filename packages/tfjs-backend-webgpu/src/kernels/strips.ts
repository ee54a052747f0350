/** A matrix of a product as it lies in memory, and the strip of it that a workgroup reads at a time. */
export interface Strip {
  /** Of its buffer. */
  readonly name: 'a' | 'b';
  /** Rows of a, or columns of b, that the strip is for. */
  readonly size: number;
  /** Inner positions. */
  readonly depth: number;
  /** Neighbours in memory are neighbours along `size`, not along the inner positions. */
  readonly across: boolean;
  /** Whole quads of neighbours: its buffer is of vectors. */
  readonly quads: boolean;
  /** Threads that read it. */
  readonly threads: number;
}

/** Quads of a strip for each thread. */
function quadsEach({ size, depth, threads }: Strip): number {
  return (size * depth) / (4 * threads);
}

/** Names of the registers that hold them. */
export function registersOf(strip: Strip): string[] {
  return Array.from({ length: quadsEach(strip) }, (_, i) => `${strip.name}${i}`);
}

/** Where a thread's quad of number `i` lies in its strip: neighbouring threads read neighbours. */
function place({ size, depth, across, threads }: Strip, i: number): string {
  const length = (across ? size : depth) / 4;
  const [along, other] = [`q % ${length}u * 4u`, `q / ${length}u`];
  return `let q = t + ${i * threads}u; let o = ${across ? along : other}; let d = ${across ? other : along};`;
}

/** Reads this thread's quads of the strip at `depth` into registers; zeros beyond the matrix. */
export function readStrip(strip: Strip): string {
  const { name, across, quads } = strip;
  const [first, outers] = name === 'a' ? ['top', 'u.rows'] : ['left', 'u.columns'];
  const at = across ? `(depth + d) * ${outers} + ${first} + o` : `(${first} + o) * u.inner + depth + d`;
  return registersOf(strip)
    .map((register, i) => {
      const there = (step: number): string =>
        `${first} + o${across && step ? ` + ${step}u` : ''} < ${outers} && ` +
        `depth + d${!across && step ? ` + ${step}u` : ''} < u.inner`;
      const whole = `if (${there(0)}) { ${register} = ${name}[(${name}Base + ${at}) / 4u]; }`;
      const each = [0, 1, 2, 3].map(
        (step) => `if (${there(step)}) { ${register}[${step}] = ${name}[${name}Base + ${at} + ${step}u]; }`,
      );
      return `{ ${place(strip, i)} ${register} = vec4f(); ${quads ? whole : each.join(' ')} }`;
    })
    .join('\n');
}

/** Writes each of the registers; `write` gets the quad's register and knows its place as `o` and `d`. */
export function writeStrip(strip: Strip, write: (register: string) => string): string {
  return registersOf(strip)
    .map((register, i) => `{ ${place(strip, i)} ${write(register)} }`)
    .join('\n');
}

/** Where the matrices of this workgroup's product begin. */
export const BASES = `let aBase = batch % u.batchA * u.rows * u.inner;
  let bBase = batch % u.batchB * u.columns * u.inner;`;
