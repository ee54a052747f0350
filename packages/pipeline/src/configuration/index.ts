/** Settings of YAML files and assignments, in which every part knows where it was written. */
export { describeIssues } from './problems.js';
export { assignSetting, merge, plain, toSetting } from './setting.js';
export type { Setting, SettingList, SettingMap, SettingValue } from './setting.js';
export { readSettings } from './yaml-file.js';
export type { SettingsPlace } from './yaml-file.js';
