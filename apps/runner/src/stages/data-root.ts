import { resolve } from 'node:path';
import { wbdcLayout, type WbdcLayout } from '@wbdc/data';
import { dataPlaces, type DataPlaces } from '@wbdc/pipeline/places';
import type { StageContext } from '../run/stage.js';

type Place = Pick<StageContext, 'config' | 'upstream' | 'output'>;

/** The root of the annotations in the WBDC layout: the user's folder, or what the data stage made. */
export function dataRoot(context: Place): string {
  return context.config.data.layout === 'wbdc'
    ? (ownFolder(context) ?? context.upstream('data'))
    : context.upstream('data');
}

/** The user's folder, where there is one. */
export function ownFolder({ config, output }: Pick<StageContext, 'config' | 'output'>): string | undefined {
  const { folder } = config.data;
  return folder === null ? undefined : resolve(output.terminal.folder, folder);
}

/** Splits whose texts are learned from: of the corpus too, where there is one. */
export function textSplits({ data, corpus }: StageContext['config']): string[] {
  return [...data.trainSplits, ...(corpus?.splits ?? [])];
}

/** Where frames and features are that are in no folder of the run, and how servers are read. */
export function placesOf({ config, output }: Pick<StageContext, 'config' | 'output'>): DataPlaces {
  return dataPlaces(config.data, output.terminal.folder, output.terminal.env);
}

/** The paths of the data set. */
export function layoutOf(context: Place): WbdcLayout {
  return wbdcLayout(dataRoot(context), placesOf(context).frames);
}
