/** Many small pictures as one, each with its number. Only the process of decoding may load this. */
import sharp from 'sharp';
import type { Picture, SheetCell } from './view-protocol.ts';

const gap = 8;
const badge = { height: 22, unit: 3 };
const background = '#ffffff';
const maxSheetBytes = 1_400_000;

/** Rows of three dots each, from above: fonts are not there on every machine. */
const digits: readonly (readonly number[])[] = [
  [7, 5, 5, 5, 7],
  [2, 6, 2, 2, 7],
  [7, 1, 7, 4, 7],
  [7, 1, 7, 1, 7],
  [5, 5, 7, 1, 1],
  [7, 4, 7, 1, 7],
  [7, 4, 7, 5, 7],
  [7, 1, 2, 2, 2],
  [7, 5, 7, 5, 7],
  [7, 5, 7, 1, 7],
];

/** Side by side in as square a form as their count allows; a cell without a picture has its number alone. */
export async function contactSheet(cells: readonly SheetCell[], cellPx: number): Promise<Picture> {
  const columns = Math.ceil(Math.sqrt(cells.length));
  const rows = Math.ceil(cells.length / columns);
  const [stepX, stepY] = [cellPx + gap, cellPx + badge.height + gap];
  const [width, height] = [columns * stepX + gap, rows * stepY + gap];
  const placed = cells.map((cell, index) => ({
    ...cell,
    left: gap + (index % columns) * stepX,
    top: gap + Math.floor(index / columns) * stepY,
  }));
  const pictures = await Promise.all(
    placed.flatMap(({ data, left, top }) =>
      data === undefined ? [] : [fitted(Buffer.from(data, 'base64'), { left, top, cellPx })],
    ),
  );
  const marks = placed.map(({ number, left, top }) => numberAt(number, left, top + cellPx + 3)).join('');
  const frames = placed
    .filter(({ data }) => data === undefined)
    .map(
      ({ left, top }) => `<rect x="${left}" y="${top}" width="${cellPx}" height="${cellPx}" fill="#e4e4e4"/>`,
    )
    .join('');
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${frames}${marks}</svg>`;
  const whole = sharp({ create: { width, height, channels: 3, background } }).composite([
    ...pictures,
    { input: Buffer.from(overlay), left: 0, top: 0 },
  ]);
  const { data, info } = await whole.raw().toBuffer({ resolveWithObject: true });
  const raw = { width, height, channels: info.channels };
  for (const quality of [85, 70, 50, 30]) {
    const jpeg = await sharp(data, { raw }).flatten({ background }).jpeg({ quality }).toBuffer();
    if (jpeg.byteLength <= maxSheetBytes || quality === 30)
      return { image: { data: jpeg.toString('base64'), mime_type: 'image/jpeg' }, width, height };
  }
  throw new Error('unreachable: the last quality is taken as it is');
}

async function fitted(
  picture: Buffer,
  { left, top, cellPx }: { left: number; top: number; cellPx: number },
): Promise<{ input: Buffer; left: number; top: number }> {
  const { data: input, info } = await sharp(picture)
    .resize({ width: cellPx, height: cellPx, fit: 'inside', withoutEnlargement: true })
    .flatten({ background })
    .png()
    .toBuffer({ resolveWithObject: true });
  return {
    input,
    left: left + Math.floor((cellPx - info.width) / 2),
    top: top + Math.floor((cellPx - info.height) / 2),
  };
}

function numberAt(number: number, left: number, top: number): string {
  const { unit } = badge;
  const dots = [...String(number)].flatMap((digit, place) =>
    (digits[Number(digit)] ?? []).flatMap((row, y) =>
      [0, 1, 2]
        .filter((x) => (row & (4 >> x)) !== 0)
        .map((x) => `M${left + (place * 4 + x) * unit} ${top + y * unit}h${unit}v${unit}h-${unit}z`),
    ),
  );
  return `<path d="${dots.join('')}" fill="#111111"/>`;
}
