/** The largest eigenvectors of a Gram matrix: ours against ml-matrix's, which makes all. Prints ratios of the times. */
import { Matrix, EigenvalueDecomposition } from 'ml-matrix';
import { largestEigen, symmetricMatrix } from '../../packages/ensemble-svd/dist/tridiagonal.js';

const SHARES = [0.25, 0.5, 0.75, 1];
const ROUNDS = 9;

/** Of cheap values of full rank. */
function gramOf(n: number): Float64Array {
  let state = n;
  const x = Float64Array.from({ length: 2 * n * n }, () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5);
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) for (let r = 0; r < 2 * n; r++) gram[i * n + j] += x[r * n + i] * x[r * n + j];
  }
  return gram;
}

async function seconds(work: () => unknown, times: number): Promise<number> {
  const begun = performance.now();
  for (let i = 0; i < times; i++) await work();
  return (performance.now() - begun) / 1000 / times;
}

/** The middle of several rounds, each of the two one after the other. */
async function ratio(n: number, count: number): Promise<number> {
  const gram = gramOf(n);
  const times = Math.max(1, Math.round(25_000 / n ** 2));
  const own = (): unknown => {
    const symmetric = symmetricMatrix(n);
    symmetric.matrix.set(gram);
    return largestEigen(symmetric, n, count);
  };
  const all = (): unknown =>
    new EigenvalueDecomposition(Matrix.from1DArray(n, n, gram), { assumeSymmetric: true }).realEigenvalues;
  await own();
  all();
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) ratios.push((await seconds(all, times)) / (await seconds(own, times)));
  return ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

console.log(['columns', ...SHARES.map((share) => `K = ${share} W`)].join('  '));
for (const n of [16, 32, 64, 128, 256]) {
  const ratios: string[] = [];
  for (const share of SHARES) ratios.push((await ratio(n, Math.round(share * n))).toFixed(2).padStart(10));
  console.log([String(n).padStart(7), ...ratios].join(''));
}
