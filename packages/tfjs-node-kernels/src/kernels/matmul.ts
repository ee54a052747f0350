import type { Fused, NodeKernel } from '../binding.js';
import { run } from '../run.js';

/** In what matrices are multiplied; weights, statistics, sums and softmax are float32 in either. */
export type Precision = 'fp32' | 'bf16';

const TYPE = { fp32: 'float32', bf16: 'bfloat16' } as const;

/** The line that gives a value the type in which matrices are multiplied; free where it has it. */
export function narrow(to: string, from: string, precision: Precision): string {
  return `${to} = Cast <DstT = ${TYPE[precision]}> (${from})`;
}

/** The line that makes float32 of it. */
export function widen(to: string, from: string): string {
  return `${to} = Cast <DstT = float32> (${from})`;
}

/** The line that multiplies stacks of matrices of the same type; `transposed` names the operands to transpose. */
export function product(to: string, a: string, b: string, transposed: '' | 'a' | 'b' | 'ab' = ''): string {
  const [x, y] = [transposed.includes('a'), transposed.includes('b')];
  return `${to} = BatchMatMulV2 <adj_x = ${x}, adj_y = ${y}> (${a}, ${b})`;
}

/** tfjs's BatchMatMul in bfloat16, which sums in float32 and rounds once at the end. */
export const bfloat16MatMul: NodeKernel = ({ backend, inputs: { a, b }, attrs: { transposeA, transposeB } }) => {
  const transposed = `${transposeA ? 'a' : ''}${transposeB ? 'b' : ''}` as '' | 'a' | 'b' | 'ab';
  const lines = [
    narrow('an', 'a', 'bf16'),
    narrow('bn', 'b', 'bf16'),
    product('yn', 'an', 'bn', transposed),
    widen('y', 'yn'),
  ];
  return run(backend, lines.join('\n'), { a, b }, ['y'])[0];
};

/** The gradients dx [..., in], dweight [in, out] and dbias [out] of x weight + bias. */
export function linearGrad(precision: Precision): Fused<'WbdcLinearGrad'> {
  const lines = `dyr = Reshape (dy, dyRows)
    xr = Reshape (x, xRows)
    ${narrow('dyn', 'dyr', precision)}
    ${narrow('xn', 'xr', precision)}
    ${narrow('wn', 'weight', precision)}
    ${product('dxn', 'dyn', 'wn', 'b')}
    ${widen('dxr', 'dxn')}
    dx = Reshape (dxr, shape)
    ${product('dwn', 'xn', 'dyn', 'a')}
    ${widen('dweight', 'dwn')}
    dbias = BiasAddGrad (dyr)`;
  return ({ backend, inputs: { dy, x, weight } }) => {
    const [inputs, outputs] = weight.shape;
    const vectors = { dyRows: [-1, outputs], xRows: [-1, inputs], shape: x.shape };
    return run(backend, lines, { dy, x, weight, ...vectors }, ['dx', 'dweight', 'dbias']);
  };
}
