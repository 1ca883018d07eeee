import { inkOn, mix, parseColour, type Rgb, readableOn, toHex, white } from './colours.ts';

export interface BrandLink {
  text: string;
  url: string;
}

/** What a deployment shows of itself on every page. */
export interface Branding {
  name: string;
  /** An https: or data:image URL. */
  logo: string;
  /** `#rrggbb`; made readable for each scheme. */
  colour: string;
  /** In the foot of every page: help, privacy, terms. */
  links: readonly BrandLink[];
}

const ownColour = '#4338ca';
const ownLogo =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#4338ca"/>' +
  '<path d="M4 4v8l4-4zm5 0v8l4-4z" fill="#fff"/></svg>';

export const ownBranding: Branding = {
  name: 'Inferry',
  logo: `data:image/svg+xml;base64,${Buffer.from(ownLogo).toString('base64')}`,
  colour: ownColour,
  links: [],
};

/** True for what a logo may be: nothing that a browser would load unencrypted or run. */
export function isLogoUrl(url: string): boolean {
  return /^data:image\/(?:svg\+xml|png|webp|jpeg|gif);base64,[A-Za-z0-9+/=]+$/.test(url) || isHttpsUrl(url);
}

export function isHttpsUrl(url: string): boolean {
  return /^https:\/\/[^\s"'<>;,]+$/.test(url) && URL.canParse(url);
}

/** `Help=https://…`, or undefined when it is not like that. */
export function parseBrandLink(item: string): BrandLink | undefined {
  const at = item.indexOf('=');
  const [text, url] = [item.slice(0, at).trim(), item.slice(at + 1).trim()];
  return at > 0 && text.length <= 40 && isHttpsUrl(url) ? { text, url } : undefined;
}

/** The colours of one scheme. */
export interface Palette {
  page: string;
  surface: string;
  sunken: string;
  line: string;
  edge: string;
  ink: string;
  muted: string;
  accent: string;
  onAccent: string;
  accentHover: string;
  accentText: string;
  tint: string;
  good: string;
  warn: string;
  warnTint: string;
  bad: string;
  badTint: string;
}

/** Readable palettes for light and dark, whatever the brand's colour is. */
export function palettesOf({ colour }: Pick<Branding, 'colour'>): { light: Palette; dark: Palette } {
  const brand = parseColour(colour) ?? ([67, 56, 202] as const);
  return { light: toPalette(brand, light), dark: toPalette(brand, dark) };
}

type Neutral = Omit<Palette, 'accent' | 'onAccent' | 'accentHover' | 'accentText' | 'tint'>;

const light: Neutral = {
  page: '#f6f5f3',
  surface: '#ffffff',
  sunken: '#f8f7f5',
  line: '#e6e3df',
  edge: '#8b857d',
  ink: '#1b1917',
  muted: '#5c5650',
  good: '#166c3b',
  warn: '#7a4a05',
  warnTint: '#fdf4e0',
  bad: '#a91f1f',
  badTint: '#fdeeee',
};

const dark: Neutral = {
  page: '#121110',
  surface: '#1b1a18',
  sunken: '#161514',
  line: '#312e2b',
  edge: '#7d766e',
  ink: '#f3f1ee',
  muted: '#aaa39b',
  good: '#6cc48f',
  warn: '#ecc06a',
  warnTint: '#2b2313',
  bad: '#f58f8f',
  badTint: '#2f1919',
};

function toPalette(brand: Rgb, neutral: Neutral): Palette {
  const surface = parseColour(neutral.surface) ?? white;
  const page = parseColour(neutral.page) ?? white;
  // A button must stand out from what it lies on (WCAG 2.2, 1.4.11); a link must read like text.
  const accent = readableOn(brand, [surface, page], 3);
  const tint = mix(surface, accent, 0.08);
  const ink = inkOn(accent);
  return {
    ...neutral,
    accent: toHex(accent),
    onAccent: toHex(ink),
    // Away from the ink, so that the contrast only grows.
    accentHover: toHex(mix(accent, ink === white ? [0, 0, 0] : white, 0.14)),
    accentText: toHex(readableOn(brand, [surface, page, tint], 4.6)),
    tint: toHex(tint),
  };
}
