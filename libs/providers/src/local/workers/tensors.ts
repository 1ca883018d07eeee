import { createRequire } from 'node:module';

/** The part of a TensorFlow.js tensor that is used here; the package's own types need a package that is not installed. */
export interface Tensor {
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

export interface GraphModel {
  execute(input: Tensor, outputs: string): Tensor;
}

interface KernelCall {
  inputs: { a: Tensor; b: Tensor };
}

/** The part of TensorFlow.js (`@energetic-ai/core`) that is used here. */
export interface TensorLibrary {
  ready(): Promise<void>;
  setThreadsCount(count: number): void;
  tensor(values: Float32Array, shape: readonly number[]): Tensor;
  tensor4d(values: Float32Array, shape: readonly number[]): Tensor;
  conv2d(x: Tensor, kernel: Tensor, strides: number, padding: 'same' | 'valid'): Tensor;
  relu(x: Tensor): Tensor;
  concat(tensors: readonly Tensor[], axis: number): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor): Tensor;
  floorDiv(a: Tensor, b: Tensor): Tensor;
  image: {
    resizeNearestNeighbor(x: Tensor, size: readonly [number, number]): Tensor;
  };
  tidy<T>(compute: () => T): T;
  keep<T extends Tensor>(tensor: T): T;
  memory(): { numTensors: number };
  loadGraphModel(url: string): Promise<GraphModel>;
  registerKernel(kernel: {
    kernelName: string;
    backendName: string;
    kernelFunc(call: KernelCall): Tensor;
  }): void;
}

/** TensorFlow.js on its WebAssembly backend, one thread: the pool of workers is what runs in parallel. */
export async function loadTensors(): Promise<TensorLibrary> {
  const library: TensorLibrary = createRequire(import.meta.url)('@energetic-ai/core');
  library.setThreadsCount(1);
  await library.ready();
  return library;
}
