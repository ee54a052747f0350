/** The path and the shape of a parameter: what is known of a model before it has values. */
export type ShapeEntry = [path: string, shape: number[]];

/** A layer normalisation of width D. */
export function normShapes(path: string, width: number): ShapeEntry[] {
  return [
    [`${path}.gamma`, [width]],
    [`${path}.beta`, [width]],
  ];
}

/** A dense layer. */
export function linearShapes(path: string, inputs: number, outputs: number): ShapeEntry[] {
  return [
    [`${path}.weight`, [inputs, outputs]],
    [`${path}.bias`, [outputs]],
  ];
}

/** A transformer layer, the parameters of `newLayer` in its order. */
export function layerShapes(path: string, width: number, intermediate: number): ShapeEntry[] {
  return [
    ...['query', 'key', 'value', 'output'].flatMap((part) => linearShapes(`${path}.attention.${part}`, width, width)),
    ...normShapes(`${path}.attentionNorm`, width),
    ...linearShapes(`${path}.intermediate`, width, intermediate),
    ...linearShapes(`${path}.output`, intermediate, width),
    ...normShapes(`${path}.outputNorm`, width),
  ];
}
