import type { Reader } from './reader.js';
import { DATA } from './readers/data.js';
import { FINETUNE } from './readers/finetune.js';
import { IO } from './readers/io.js';
import { MODELS } from './readers/models.js';
import { PICTURES } from './readers/pictures.js';
import { RUNNER } from './readers/runner.js';
import { SEARCH } from './readers/search.js';
import { WEIGHTS } from './readers/weights.js';

/** Every reader of a stranger's bytes, and how it is tried. */
export const READERS: readonly Reader[] = [
  ...IO,
  ...DATA,
  ...WEIGHTS,
  ...MODELS,
  ...FINETUNE,
  ...PICTURES,
  ...SEARCH,
  ...RUNNER,
];

/** Public functions that are called like readers and are none, with the reason. */
export const NO_READERS: Readonly<Record<string, string>> = {
  'checkpoints: findShape': 'looks a name up in shapes that are there',
  'checkpoints: loadWeights': 'takes tensors of a file that openWeights has checked',
  'checkpoints: readParams': 'takes tensors of a file that openWeights has checked',
  'data: findAlike': 'compares videos in memory',
  'data: findVideo': 'looks names up in a list',
  'data: openDataset': 'takes videos and features of the readers here',
  'data: parseColumnChoice': 'takes words of a command line, which cannot be long',
  'data: readBatch': 'takes videos out of a data set in memory',
  'distributed: fromRoot': 'takes what another process of the same job sent',
  'finetune: readCategoryBatch': 'takes videos out of a data set in memory',
  'finetune: readPairBatch': 'takes videos out of a data set in memory',
  'finetune: readRankingBatch': 'takes videos out of a data set in memory',
  'io: loadVector': 'writes an instruction of a program',
  'io: openRemote': 'gives the bytes of an address; other readers look at them',
  'nn: decodeBfloat16': 'any 16 bits are a value',
  'nn: decodeFloat16': 'any 16 bits are a value',
  'nn: parseOperations': 'reads the lines of a source file of this repository',
  'nn: readMetrics': 'reads scalars of an engine',
  'pipeline: findModel': 'looks for files by name; openTrained reads them',
  'pipeline: openClipVideos': 'reads through readAnnotations and decodeFrames',
  'pipeline: openCorpus': 'reads through openVideoSet',
  'pipeline: openRecognizers': 'looks for files by name; a package reads them',
  'pipeline: openVideoSet': 'reads through the sources that it is given',
  'pipeline: parseShardName': 'takes the name of a folder; another name is none',
  'pipeline: readSound': 'reads what ffmpeg prints',
  'pipeline: readSplitIds': 'reads through readIds',
  'pipeline: readSplits': 'reads through readAnnotations',
  'pipeline: readTeaching': 'reads through readProbabilities',
  'pipeline: verifyFeatures': 'reads through verifyFeatureStore',
  'search: loadMemoryIndex': 'takes vectors of an index that openIndex has opened',
  'serve: openModels': 'reads through openTrained and openClip',
  'tfjs-backend-webgpu: findWebGpu': 'looks for a device',
  'video-features: decodeAhead': 'schedules a decoder that it is given',
  'video-features: decodeFrames': 'takes frames of openFrameSource, or pictures in memory',
  'video-features: decodeVideo': 'reads through openFrameSource',
  'video-features: decodeWorkers': 'starts threads that run decodeFrames',
  'video-features: findVideos': 'lists a folder; contents are not opened',
  'video-features: openFoundVideo': 'reads through openFrameSource',
  'video-features: openOnnx': 'takes a graph that this library has made',
};
