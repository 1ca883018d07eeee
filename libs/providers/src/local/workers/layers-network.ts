import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Tensor, TensorLibrary } from './tensors.ts';

interface Layer {
  class_name: string;
  config: {
    name: string;
    padding?: 'same' | 'valid';
    activation?: string;
    axis?: number;
    size?: [number, number];
  };
  inbound_nodes: [string, number, number, unknown][][];
}

interface LayersFile {
  modelTopology: { model_config: { config: { layers: Layer[]; output_layers: [string, number, number][] } } };
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[] }[] }[];
}

/** A picture network: floats of height x width x 3 in, of a larger picture out. */
export type Network = (pixels: Float32Array, height: number, width: number) => Promise<Float32Array>;

/**
 * Reads a Keras "layers-model" and runs it on plain tensor operations: the packaged TensorFlow.js has no layers part,
 * and the networks here are made of five kinds of layers.
 */
export async function loadLayersNetwork(tf: TensorLibrary, modelFile: string): Promise<Network> {
  // as: a file of a pinned package; a missing layer kind or weight throws below by name.
  const file = JSON.parse(await readFile(modelFile, 'utf8')) as LayersFile;
  const { layers, output_layers } = file.modelTopology.model_config.config;
  const weights = await readWeights(tf, file, path.dirname(modelFile));
  const outputName = output_layers[0]?.[0] ?? '';
  return async (pixels, height, width) => {
    const output = tf.tidy(() => {
      const values = new Map<string, Tensor>();
      for (const layer of layers) {
        const inputs = (layer.inbound_nodes[0] ?? []).map(([name]) => need(values, name));
        const isInput = layer.class_name === 'InputLayer';
        const value = isInput
          ? tf.tensor4d(pixels, [1, height, width, 3])
          : apply(tf, layer, { inputs, weights });
        values.set(layer.config.name, value);
      }
      return need(values, outputName);
    });
    const data = await output.data();
    output.dispose();
    return data;
  };
}

async function readWeights(
  tf: TensorLibrary,
  { weightsManifest }: LayersFile,
  folder: string,
): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const { paths, weights } of weightsManifest) {
    const bytes = new Uint8Array(
      Buffer.concat(await Promise.all(paths.map((name) => readFile(path.join(folder, name))))),
    );
    let offset = 0;
    for (const { name, shape } of weights) {
      const count = shape.reduce((product, side) => product * side, 1);
      tensors.set(name, tf.tensor(new Float32Array(bytes.buffer, offset, count), shape));
      offset += 4 * count;
    }
  }
  return tensors;
}

function apply(
  tf: TensorLibrary,
  { class_name, config }: Layer,
  { inputs, weights }: { inputs: Tensor[]; weights: Map<string, Tensor> },
): Tensor {
  const [first, second] = inputs;
  if (first === undefined) throw new Error(`layer ${config.name} has no input`);
  switch (class_name) {
    case 'Conv2D': {
      const sum = tf.conv2d(first, need(weights, `${config.name}/kernel`), 1, config.padding ?? 'valid');
      return activate(tf, tf.add(sum, need(weights, `${config.name}/bias`)), config.activation);
    }
    case 'Activation':
      return activate(tf, first, config.activation);
    case 'Concatenate':
      return tf.concat(inputs, config.axis ?? -1);
    case 'Add':
      if (second === undefined) throw new Error(`layer ${config.name} has one input`);
      return tf.add(first, second);
    case 'UpSampling2D': {
      const [, height = 0, width = 0] = first.shape;
      const [down, across] = config.size ?? [1, 1];
      return tf.image.resizeNearestNeighbor(first, [height * down, width * across]);
    }
    default:
      throw new Error(`unknown layer kind ${class_name}`);
  }
}

function activate(tf: TensorLibrary, x: Tensor, activation = 'linear'): Tensor {
  if (activation === 'linear') return x;
  if (activation === 'relu') return tf.relu(x);
  throw new Error(`unknown activation ${activation}`);
}

function need<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`nothing is called ${name}`);
  return value;
}
