import sharp, { type Sharp } from 'sharp';

/** A picture with what photos have: soft gradients, curved edges, fine texture. */
export function syntheticPhoto(width: number, height: number): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1)
      pixels.set(colourAt(x / width, y / height, { x, y }), (y * width + x) * 3);
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

function colourAt(across: number, down: number, { x, y }: { x: number; y: number }): number[] {
  const angle = Math.atan2(down - 0.5, (across - 0.35) * 1.33);
  const distance = Math.hypot((across - 0.35) * 1.33, down - 0.5);
  if (distance < 0.08) return [240, 200, 40];
  if (distance < 0.33 * (0.75 + 0.25 * Math.cos(5 * angle)))
    return petal(0.6 + 0.4 * Math.cos(10 * angle + distance * 32));
  if (across > 0.7) return brick(x, y);
  return [120 + 80 * down, 150 + 40 * Math.sin(x / 40), 210 - 90 * down];
}

function petal(light: number): number[] {
  return [200 * light + 40, 60 * light + 20, 50];
}

function brick(x: number, y: number): number[] {
  const shift = (Math.floor(y / 12) % 2) * 14;
  const isMortar = y % 12 < 2 || (x + shift) % 28 < 2;
  return isMortar ? [190, 185, 175] : [150 + 20 * Math.sin(x * y), 80, 60];
}

/** Peak signal-to-noise ratio in dB: higher is closer. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) throw new Error('the pictures differ in size');
  const squares = a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}
