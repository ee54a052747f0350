import { sizeOf } from '@wbdc/nn/plain';
import { EACH, EACH_ENTRY, groupsFor, THREADS, type KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';
import { sumSegments } from './repairs.js';

const ROWS: KernelSource = {
  name: 'WbdcGatherRows',
  write: { y: 'f32' },
  read: { x: 'f32', rows: 'i32' },
  params: { n: 'u32', width: 'u32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  y[i] = x[u32(rows[i / u.width]) * u.width + i % u.width];
}`,
};

const gatherRows: Fused<'WbdcGatherRows'> = ({ backend, inputs: { x, rows } }) => {
  const width = x.shape[x.shape.length - 1];
  const y = backend.empty([sizeOf(rows.shape), width]);
  const n = sizeOf(y.shape);
  if (n > 0) dispatch(backend, ROWS, { y, x, rows }, { n, width }, groupsFor(n, THREADS));
  return [y];
};

const gatherRowsGrad: Fused<'WbdcGatherRowsGrad'> = ({ backend, inputs: { dy, rows }, attrs: { shape } }) => [
  sumSegments(backend, dy, rows, backend.empty(shape)),
];

export const gatherKernels = defineKernels({ WbdcGatherRows: gatherRows, WbdcGatherRowsGrad: gatherRowsGrad });
