import { withDerived, type DerivedTensor, type WeightSource } from '@wbdc/checkpoints';

const VIDEO = 'vision_encoder.embeddings';

/** Whether a checkpoint is of WBDC 2022 rank 8's double-stream model. */
export function isWbdcOriginal({ tensors }: WeightSource): boolean {
  return tensors.has('cls_token') && tensors.has(`${VIDEO}.position_embeddings.weight`);
}

/**
 * WBDC's double-stream checkpoint in the terms of our model. Its video stream is a BERT on the features themselves:
 * they have the model's width and no projection, and all are of token type 0, which is added to the positions.
 */
export function readWbdcOriginal(source: WeightSource): WeightSource {
  const derived: DerivedTensor[] = [];
  const [, , width] = source.tensors.get('cls_token')?.shape ?? [];
  if (!source.tensors.has('visual_fc.weight')) {
    derived.push(
      { name: 'visual_fc.weight', shape: [width, width], from: [], values: async () => identity(width) },
      { name: 'visual_fc.bias', shape: [width], from: [], values: async () => new Float32Array(width) },
    );
  }
  const [name, types] = [`${VIDEO}.position_embeddings.weight`, `${VIDEO}.token_type_embeddings.weight`];
  const shape = source.tensors.get(name)?.shape;
  if (shape && source.tensors.has(types)) {
    const values: DerivedTensor['values'] = async (read) => {
      const [{ data }, type] = [await read(name), (await read(types)).data];
      return Float32Array.from(data, (value, i) => value + type[i % width]);
    };
    derived.push({ name, shape, from: [name, types], values });
  }
  return withDerived(source, derived);
}

function identity(width: number): Float32Array {
  const values = new Float32Array(width * width);
  for (let i = 0; i < width; i++) values[i * width + i] = 1;
  return values;
}
