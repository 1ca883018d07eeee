import type { Network } from './layers-network.ts';

export interface RgbPicture {
  width: number;
  height: number;
  /** 3 bytes a pixel, row by row. */
  pixels: Uint8Array;
}

export interface TileOptions {
  factor: number;
  /** Input pixels on a side, without the margin. */
  tileSize: number;
  /** Context around a tile: at least the network's field of view, so that tiles meet without a seam. */
  margin: number;
  progress(fraction: number): void;
}

/** Enlarges a picture tile by tile; beyond its edges the context repeats the edge. */
export async function upscaleTiles(
  source: RgbPicture,
  network: Network,
  { factor, tileSize, margin, progress }: TileOptions,
): Promise<RgbPicture> {
  const { width, height } = source;
  const target = {
    width: width * factor,
    height: height * factor,
    pixels: new Uint8Array(width * height * factor * factor * 3),
  };
  const tiles = Math.ceil(width / tileSize) * Math.ceil(height / tileSize);
  let done = 0;
  for (let top = 0; top < height; top += tileSize) {
    for (let left = 0; left < width; left += tileSize) {
      const tile = {
        left,
        top,
        width: Math.min(tileSize, width - left),
        height: Math.min(tileSize, height - top),
      };
      const enlarged = await network(
        cut(source, tile, margin),
        tile.height + 2 * margin,
        tile.width + 2 * margin,
      );
      paste(target, enlarged, { ...tile, margin, factor });
      done += 1;
      progress(done / tiles);
    }
  }
  return target;
}

interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

function cut({ width, height, pixels }: RgbPicture, tile: Rectangle, margin: number): Float32Array {
  const values = new Float32Array((tile.width + 2 * margin) * (tile.height + 2 * margin) * 3);
  let to = 0;
  for (let y = tile.top - margin; y < tile.top + tile.height + margin; y += 1) {
    const row = clamp(y, height - 1) * width;
    for (let x = tile.left - margin; x < tile.left + tile.width + margin; x += 1) {
      const from = (row + clamp(x, width - 1)) * 3;
      values[to] = pixels[from] ?? 0;
      values[to + 1] = pixels[from + 1] ?? 0;
      values[to + 2] = pixels[from + 2] ?? 0;
      to += 3;
    }
  }
  return values;
}

function paste(
  target: RgbPicture,
  enlarged: Float32Array,
  { left, top, width, height, margin, factor }: Rectangle & { margin: number; factor: number },
): void {
  const stride = (width + 2 * margin) * factor * 3;
  for (let y = 0; y < height * factor; y += 1) {
    const from = (y + margin * factor) * stride + margin * factor * 3;
    const to = ((top * factor + y) * target.width + left * factor) * 3;
    for (let index = 0; index < width * factor * 3; index += 1) {
      target.pixels[to + index] = Math.min(255, Math.max(0, Math.round(enlarged[from + index] ?? 0)));
    }
  }
}

function clamp(value: number, max: number): number {
  return Math.min(max, Math.max(0, value));
}
