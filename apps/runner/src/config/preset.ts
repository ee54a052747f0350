import { isPreset, PRESETS } from '@wbdc/pipeline/settings';
import { merge, toSetting, type SettingMap } from '@wbdc/pipeline/configuration';

/** The configuration with the numbers of its `model.preset` under the settings that it gives itself. */
export function applyPreset(settings: SettingMap): SettingMap {
  const model = settings.entries.get('model');
  const preset = model?.kind === 'map' ? model.entries.get('preset') : undefined;
  if (model?.kind !== 'map' || preset?.kind !== 'value' || !isPreset(preset.value)) return settings;
  const numbers = toSetting(PRESETS[preset.value], `${preset.where} (preset ${preset.value})`) as SettingMap;
  return { ...settings, entries: new Map(settings.entries).set('model', merge(numbers, model)) };
}
