export const MODEL_PRESETS = ['tiny', 'base', 'large', 'qq-large', 'wbdc-base'] as const;
export type ModelPreset = (typeof MODEL_PRESETS)[number];

const BASE = { width: 768, layers: 12, heads: 12, videoLayers: 6, crossLayers: 3 };
const LARGE = { ...BASE, width: 1024, layers: 24, heads: 16 };

/**
 * Sizes by name, those of the models' packages. QQ Browser AIAC 2021 trained `qq-large`, WBDC 2022 `wbdc-base`; both
 * were initialised from published BERTs: model.init.
 */
export const PRESETS: Readonly<Record<ModelPreset, Readonly<Record<keyof typeof BASE, number>>>> = {
  tiny: { width: 128, layers: 2, heads: 2, videoLayers: 1, crossLayers: 1 },
  base: BASE,
  large: LARGE,
  'qq-large': LARGE,
  'wbdc-base': BASE,
};

/** Whether a value names a preset. */
export function isPreset(value: unknown): value is ModelPreset {
  return MODEL_PRESETS.some((name) => name === value);
}
