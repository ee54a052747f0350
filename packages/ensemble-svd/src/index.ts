export { fit, fitBlocks, fitTransform, RankError, transform, transformBlocks } from './svd.js';
export type { FitOptions, SvdEnsemble, TransformOptions } from './svd.js';
export type { Embeddings } from './members.js';
export { matrixOf, projectionMatrix, type MatrixRows, type Member } from './matrix.js';
export type { Blocks } from './rows.js';
export { javascriptProducts, type Products } from './products.js';
export {
  climbWeights,
  pairCosines,
  searchWeights,
  type ClimbedWeights,
  type Pair,
  type WeightSearch,
} from './weights.js';
export { combineProbabilities, type ProbabilityEnsemble } from './probabilities.js';
