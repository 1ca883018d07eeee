import type { DetectObjectsInput } from '../models/detect-objects.ts';
import { packageFile } from '../package-files.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { cocoLabels } from './coco-labels.ts';
import { openPicture, orDamaged } from './open-picture.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';
import { type GraphModel, loadTensors, type TensorLibrary } from './tensors.ts';

interface Detector {
  tf: TensorLibrary;
  model: GraphModel;
}

interface FoundObject {
  label: string;
  score: number;
  box: { x: number; y: number; width: number; height: number };
}

const maxPixels = 50_000_000;
const networkSide = 512;
const output = 'tower_0/detections';
/** The network gives 100 rows: x0, y0, x1, y1, score, class. */
const rowLength = 6;
/** As in the library that the network comes from. */
const repeatOverlap = 0.4;

let detector: Promise<Detector> | undefined;

serveJobs(detect);

async function detect({ file, input }: WorkerJob<DetectObjectsInput>): Promise<WorkerOutput[]> {
  const { image, width, height } = await openPicture(file('image'), maxPixels);
  const scaled = image.resize(networkSide, networkSide, { fit: 'fill' }).flatten({ background: '#ffffff' });
  const pixels = await orDamaged(scaled.raw().toBuffer());
  detector ??= loadDetector();
  const rows = await detections(await detector, pixels);
  const objects = toObjects(rows, { width, height }, input);
  const text = JSON.stringify({ width, height, summary: summary(objects), objects });
  return [{ kind: 'json', contentType: 'application/json', fileName: 'objects.json', text }];
}

async function loadDetector(): Promise<Detector> {
  const tf = await loadTensors();
  // The WebAssembly backend has no remainder, which this network needs.
  for (const kernelName of ['Mod', 'FloorMod']) {
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs: { a, b } }) => tf.tidy(() => tf.sub(a, tf.mul(tf.floorDiv(a, b), b))),
    });
  }
  const file = packageFile('@vladmandic/human', '../models/centernet.json');
  return { tf, model: await tf.loadGraphModel(`file://${file}`) };
}

async function detections({ tf, model }: Detector, pixels: Uint8Array): Promise<Float32Array> {
  const input = tf.tensor4d(Float32Array.from(pixels), [1, networkSide, networkSide, 3]);
  const found = model.execute(input, output);
  const rows = await found.data();
  input.dispose();
  found.dispose();
  return rows;
}

function toObjects(
  rows: Float32Array,
  picture: { width: number; height: number },
  { min_score, max_objects }: DetectObjectsInput,
): FoundObject[] {
  const objects: FoundObject[] = [];
  for (let at = 0; at + rowLength <= rows.length; at += rowLength) {
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0, score = 0, kind = 0] = rows.subarray(at, at + rowLength);
    if (score < min_score) continue;
    const x = toPixels(x0, picture.width);
    const y = toPixels(y0, picture.height);
    const box = { x, y, width: toPixels(x1, picture.width) - x, height: toPixels(y1, picture.height) - y };
    objects.push({ label: cocoLabels[kind] ?? `class ${kind}`, score: Number(score.toFixed(3)), box });
  }
  return withoutRepeats(objects.sort((a, b) => b.score - a.score)).slice(0, max_objects);
}

/** The network often names one thing several times: of boxes that are nearly the same, the most certain stays. */
function withoutRepeats(objects: readonly FoundObject[]): FoundObject[] {
  const kept: FoundObject[] = [];
  for (const object of objects) {
    if (kept.every(({ box }) => overlap(box, object.box) < repeatOverlap)) kept.push(object);
  }
  return kept;
}

/** Shared area as a part of the area of both. */
function overlap(a: FoundObject['box'], b: FoundObject['box']): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const shared = Math.max(0, width) * Math.max(0, height);
  return shared / Math.max(1, a.width * a.height + b.width * b.height - shared);
}

function toPixels(position: number, side: number): number {
  return Math.round((Math.min(networkSide, Math.max(0, position)) / networkSide) * side);
}

/** "2 cups, 1 person": the most frequent first. */
function summary(objects: readonly FoundObject[]): string {
  const counts = new Map<string, number>();
  for (const { label } of objects) counts.set(label, (counts.get(label) ?? 0) + 1);
  const parts = [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([label, count]) => `${count} ${label}${count > 1 ? 's' : ''}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}
