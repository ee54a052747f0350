import { isPreset, PRESETS } from './presets.js';

/** The sizes of a model with the numbers of its `preset` under those that are given beside it. */
export function withPreset<Sizes extends { readonly preset?: unknown }>(sizes: Sizes): Sizes {
  return isPreset(sizes.preset) ? { ...PRESETS[sizes.preset], ...sizes } : sizes;
}
