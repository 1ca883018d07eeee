/**
 * A worker that decodes H.264 Baseline and answers the frame asked for as RGB. It is a file by itself and plain
 * JavaScript: a bundle carries it as it is, and Node strips no types below node_modules.
 */
import { parentPort, workerData } from 'node:worker_threads';
import h264decoder from 'h264decoder';

const { H264Decoder } = h264decoder;
/** The decoder copies each unit to a buffer of its own that has this size. */
const maxUnitBytes = 1024 * 1024 - 4;
const startCode = [0, 0, 0, 1];

const { units, index } = workerData;
const decoder = new H264Decoder();
let shown = -1;
for (const unit of units) {
  if (unit.byteLength > maxUnitBytes) throw new Error('unit too large');
  const coded = new Uint8Array(unit.byteLength + startCode.length);
  coded.set(startCode);
  coded.set(unit, startCode.length);
  if (decoder.decode(coded) === H264Decoder.PIC_RDY) shown += 1;
  if (shown === index) break;
}
if (shown < 0) throw new Error('no frame');
const { width, height } = decoder;
parentPort.postMessage({ width, height, rgb: toRgb(decoder.pic, width, height) });

/** Planar YUV 4:2:0 in the TV range to RGB, by ITU-R BT.601. */
function toRgb(yuv, columns, rows) {
  const rgb = new Uint8ClampedArray(columns * rows * 3);
  const half = columns >> 1;
  const uPlane = columns * rows;
  const vPlane = uPlane + half * (rows >> 1);
  let out = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const chroma = (row >> 1) * half + (column >> 1);
      const y = 1.164 * (yuv[row * columns + column] - 16);
      const u = yuv[uPlane + chroma] - 128;
      const v = yuv[vPlane + chroma] - 128;
      rgb[out] = y + 1.596 * v;
      rgb[out + 1] = y - 0.813 * v - 0.391 * u;
      rgb[out + 2] = y + 2.018 * u;
      out += 3;
    }
  }
  return rgb;
}
