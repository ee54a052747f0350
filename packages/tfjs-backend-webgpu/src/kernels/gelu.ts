import type { GeluForm } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import { EACH, EACH_ENTRY, groupsFor, THREADS, type KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';

/** The error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
const ERF = `fn erf(x: f32) -> f32 {
  let a = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  let y = 1.0 - p * exp(-a * a);
  return select(y, -y, x < 0.0);
}`;

/** What x is multiplied with, and its derivative. */
const GATE: Readonly<Record<GeluForm, string>> = {
  erf: `${ERF}
fn gate(x: f32) -> f32 { return 0.5 * (1.0 + erf(x * ${Math.SQRT1_2})); }
fn density(x: f32, g: f32) -> f32 { return ${1 / Math.sqrt(2 * Math.PI)} * exp(-0.5 * x * x); }`,
  quick: `fn gate(x: f32) -> f32 { return 1.0 / (1.0 + exp(-1.702 * x)); }
fn density(x: f32, g: f32) -> f32 { return 1.702 * g * (1.0 - g); }`,
};

const forward = (form: GeluForm): KernelSource => ({
  name: `WbdcGelu ${form}`,
  write: { y: 'f32' },
  read: { x: 'f32' },
  params: { n: 'u32' },
  code: `${GATE[form]}
${EACH_ENTRY} {
  ${EACH}
  y[i] = x[i] * gate(x[i]);
}`,
});

const backward = (form: GeluForm): KernelSource => ({
  name: `WbdcGeluGrad ${form}`,
  write: { dx: 'f32' },
  read: { dy: 'f32', x: 'f32' },
  params: { n: 'u32' },
  code: `${GATE[form]}
${EACH_ENTRY} {
  ${EACH}
  let g = gate(x[i]);
  dx[i] = dy[i] * (g + x[i] * density(x[i], g));
}`,
});

const FORWARD = { erf: forward('erf'), quick: forward('quick') };
const BACKWARD = { erf: backward('erf'), quick: backward('quick') };

const gelu: Fused<'WbdcGelu'> = ({ backend, inputs: { x }, attrs: { form } }) => {
  const y = backend.empty(x.shape);
  const n = sizeOf(x.shape);
  if (n > 0) dispatch(backend, FORWARD[form], { y, x }, { n }, groupsFor(n, THREADS));
  return [y];
};

const geluGrad: Fused<'WbdcGeluGrad'> = ({ backend, inputs: { dy, x }, attrs: { form } }) => {
  const dx = backend.empty(x.shape);
  const n = sizeOf(x.shape);
  if (n > 0) dispatch(backend, BACKWARD[form], { dx, dy, x }, { n }, groupsFor(n, THREADS));
  return [dx];
};

export const geluKernels = defineKernels({ WbdcGelu: gelu, WbdcGeluGrad: geluGrad });
