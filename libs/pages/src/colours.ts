/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number];

/** `#rgb` or `#rrggbb`; undefined for anything else. */
export function parseColour(text: string): Rgb | undefined {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(text);
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  const [, red, green, blue] = short ?? long ?? [];
  if (red === undefined || green === undefined || blue === undefined) return undefined;
  const value = (part: string): number => Number.parseInt(short === null ? part : part + part, 16);
  return [value(red), value(green), value(blue)];
}

export function toHex(colour: Rgb): string {
  return `#${colour.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

/** The contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance). */
export function contrast(one: Rgb, other: Rgb): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

export const white: Rgb = [255, 255, 255];
export const black: Rgb = [0, 0, 0];

/** White or black, whichever reads better on the colour; one of them always has a contrast of 4.5. */
export function inkOn(colour: Rgb): Rgb {
  return contrast(colour, white) >= 4.5 ? white : black;
}

/** The colour, moved towards white or black just as far as it takes to read on every given background. */
export function readableOn(colour: Rgb, backgrounds: readonly Rgb[], wanted: number): Rgb {
  const target = backgrounds.some((background) => contrast(background, white) > contrast(background, black))
    ? white
    : black;
  for (let share = 0; share < 1; share += 0.02) {
    const moved = mix(colour, target, share);
    if (backgrounds.every((background) => contrast(moved, background) >= wanted)) return moved;
  }
  return target;
}

/** `share` of the second colour in the first. */
export function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2): number => Math.round(one[index] * (1 - share) + other[index] * share);
  return [part(0), part(1), part(2)];
}
