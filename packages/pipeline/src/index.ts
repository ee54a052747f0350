/** What runs in Node and in browsers; `index.node.ts` and `index.browser.ts` add what differs. */
export { definedOnly } from './defined.js';
export { bertSizesOf, encoderOf, lxmertSizesOf, uniSizesOf } from './encoder.js';
export type { VideoTextParams } from './encoder.js';
export { finetuneEncoder } from './finetune/encoder.js';
export type { EncoderParams, EncoderSettings, TrainedTower } from './finetune/encoder.js';
export type { FinetunedInMemory, FinetuneInMemoryOptions, LabelledInput } from './finetune/in-memory.js';
export { categoryRecipe, similarityRecipe, tagRecipe } from './finetune/recipe.js';
export type {
  CategoryRecipe,
  FinetuneRecipe,
  RecipeSettings,
  SimilarityRecipe,
  TagForm,
  TagRecipe,
} from './finetune/recipe.js';
export { finetuneGradients, finetuneRules } from './finetune/rules.js';
export type { Observer, Progress } from './observer.js';
export { clipRecipe, visionConfigOf } from './recipes/clip.js';
export type { ClipRecipe } from './recipes/clip.js';
export type { ReadPictures } from './recipes/clip-part.js';
export { pastQueue } from './recipes/past-queue.js';
export type { QueueLengths } from './recipes/past-queue.js';
export { describeViews, planOf, viewsOf } from './recipes/plan.js';
export type { NamedView, PlanSettings, TaskVocabulary } from './recipes/plan.js';
export { pretrainRecipe } from './recipes/pretrain.js';
export type { PreparedBatch, PretrainRecipe, PretrainRecipeOptions, ReadVideos } from './recipes/pretrain.js';
export type { TrainingRecipe } from './recipes/recipe.js';
export { assertSameModel, describeModel, parseSavedModel, upgradeSavedModel } from './saved/saved-model.js';
export { SAVED_MODEL_VERSION, savedModelSchema } from './saved/schema.js';
export type {
  SavedCategory,
  SavedClip,
  SavedModel,
  SavedModelKind,
  SavedPretrained,
  SavedSimilarity,
  SavedTags,
} from './saved/schema.js';
export * from './settings.js';
export { layoutOf, textReader } from './text.js';
export { batchOrder } from './training/order.js';
export type { BatchOrder, BatchPosition } from './training/order.js';
export { TrainedError } from './trained/errors.js';
export type { TrainedErrorCode } from './trained/errors.js';
export type {
  FeaturesInput,
  FileInput,
  FramesInput,
  TrainedInput,
  TrainedInputs,
  VideoTexts,
} from './trained/inputs.js';
export type { ModelBytes } from './trained/model-files.js';
export type { SavedVideoModel } from './trained/read-model.js';
export type {
  Attention,
  Category,
  Classified,
  Embedded,
  FeaturesRow,
  Probable,
  Tagged,
  TaggedWith,
  Unreadable,
} from './trained/results.js';
export { classifiedRow, embeddedRow, taggedRow } from './trained/rows.js';
export type { ClassifiedRow, EmbeddedRow, ProbableRow, TaggedRow } from './trained/rows.js';
export type { Rows } from './trained/row-stream.js';
export type { RunOptions, TopOptions, TrainedModel, WithUnreadable } from './trained/trained-model.js';
