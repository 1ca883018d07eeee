/** Decodes H.264 Baseline to RGB. It runs to its end without a pause: only the process of decoding may call it. */
import h264decoder from 'h264decoder';
import type { FrameUnits } from './frame-units.ts';
import { notViewable } from './not-viewable.ts';

export interface DecodedFrame {
  width: number;
  height: number;
  rgb: Uint8Array;
}

const { H264Decoder } = h264decoder;
/** The decoder copies each unit to a buffer of its own that has this size. */
const maxUnitBytes = 1024 * 1024 - 4;
const maxPixels = 4096 * 2304;
const startCode = [0, 0, 0, 1];

export function decodeBaseline({ units, index }: FrameUnits): DecodedFrame {
  const decoder = new H264Decoder();
  let shown = -1;
  for (const unit of units) {
    if (unit.byteLength > maxUnitBytes) throw notViewable('A part of the frame is too large to be decoded.');
    const coded = new Uint8Array(unit.byteLength + startCode.length);
    coded.set(startCode);
    coded.set(unit, startCode.length);
    if (decoder.decode(coded) === H264Decoder.PIC_RDY) shown += 1;
    if (shown === index) break;
  }
  const { width, height } = decoder;
  if (shown < 0 || width * height > maxPixels) throw notViewable('The video cannot be decoded.');
  return { width, height, rgb: toRgb(decoder.pic, width, height) };
}

/** Planar YUV 4:2:0 in the TV range to RGB, by ITU-R BT.601. */
function toRgb(yuv: Uint8Array, columns: number, rows: number): Uint8Array {
  const rgb = new Uint8ClampedArray(columns * rows * 3);
  const half = columns >> 1;
  const uPlane = columns * rows;
  const vPlane = uPlane + half * (rows >> 1);
  let out = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const chroma = (row >> 1) * half + (column >> 1);
      const y = 1.164 * ((yuv[row * columns + column] ?? 0) - 16);
      const u = (yuv[uPlane + chroma] ?? 128) - 128;
      const v = (yuv[vPlane + chroma] ?? 128) - 128;
      rgb[out] = y + 1.596 * v;
      rgb[out + 1] = y - 0.813 * v - 0.391 * u;
      rgb[out + 2] = y + 2.018 * u;
      out += 3;
    }
  }
  return new Uint8Array(rgb.buffer);
}
