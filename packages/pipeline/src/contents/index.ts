/** `@wbdc/pipeline/contents`: what data sets, stages and models hold, as hashes that tell what has changed. */
export { changedContents } from './contents.js';
export type { Contents, Inventory, InventoryOptions } from './contents.js';
export { aiacInventory, wbdcInventory } from './data.js';
export type { DataInventoryOptions, DataKind, DataPart } from './data.js';
export { fileInventory, stageInventory } from './files.js';
export { StageContents } from './stage-contents.js';
export type { DataAt, KeptContents, StageAt, StageReads } from './stage-contents.js';
