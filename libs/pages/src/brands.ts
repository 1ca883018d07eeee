/** The variables that say what the pages of a deployment and of its profiles look like. */
import { envList } from '@inferry/runtime';
import { z } from 'zod';
import {
  type Branding,
  type BrandLink,
  isHttpsUrl,
  isLogoUrl,
  ownBranding,
  parseBrandLink,
} from './branding.ts';
import { parseColour } from './colours.ts';

const isColour = (value: string): boolean => parseColour(value) !== undefined;

/** Part of the environment of each service that has pages. */
export const BrandEnv = z.object({
  BRAND_NAME: z.string().min(1).max(60).default(ownBranding.name),
  /** An https: or data:image URL. */
  BRAND_LOGO: z
    .string()
    .max(32_000)
    .refine(isLogoUrl, 'is neither an https: nor a data:image URL')
    .default(ownBranding.logo),
  BRAND_COLOR: z.string().refine(isColour, 'is not like #4338ca').default(ownBranding.colour),
  /** In the foot of every page: `Help=https://…,Privacy=https://…`. */
  BRAND_LINKS: envList.default([]),
  /** JSON: what the pages of a profile show instead, by its key: name, logo, color, links. */
  PROFILE_BRANDS: z.string().default(''),
});

export interface Brands {
  branding: Branding;
  /** Of profiles whose pages are not the deployment's. */
  profileBrands: ReadonlyMap<string, Branding>;
}

/** What the variables say, and what is wrong with them. */
export function readBrands(env: z.infer<typeof BrandEnv>): Brands & { problems: string[] } {
  const links = env.BRAND_LINKS.map(parseBrandLink);
  const brands = readProfileBrands(env.PROFILE_BRANDS);
  const branding: Branding = {
    name: env.BRAND_NAME,
    logo: env.BRAND_LOGO,
    colour: env.BRAND_COLOR,
    links: links.filter((link): link is BrandLink => link !== undefined),
  };
  const own = typeof brands === 'string' ? {} : brands;
  return {
    branding,
    profileBrands: new Map(Object.entries(own).map(([key, brand]) => [key, { ...branding, ...brand }])),
    problems: [
      ...(links.includes(undefined) ? [badLinks] : []),
      ...(typeof brands === 'string' ? [brands] : []),
    ],
  };
}

const badLinks = 'BRAND_LINKS: each is like Help=https://example.com/help';

const ProfileBrands = z.record(
  z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'is not the key of a profile'),
  z.strictObject({
    name: z.string().min(1).max(60).optional(),
    logo: z.string().max(32_000).refine(isLogoUrl, 'is neither an https: nor a data:image URL').optional(),
    color: z.string().refine(isColour, 'is not like #4338ca').optional(),
    links: z.record(z.string().max(40), z.string().refine(isHttpsUrl, 'is not an https: URL')).optional(),
  }),
);

/** What each profile shows instead of the deployment's own; or what is wrong. */
function readProfileBrands(text: string): Record<string, Partial<Branding>> | string {
  try {
    const parsed = ProfileBrands.safeParse(JSON.parse(text.trim() || '{}'));
    if (!parsed.success) return `PROFILE_BRANDS: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`;
    return Object.fromEntries(
      Object.entries(parsed.data).map(([key, { name, logo, color: colour, links }]) => [
        key,
        {
          ...(name === undefined ? {} : { name }),
          ...(logo === undefined ? {} : { logo }),
          ...(colour === undefined ? {} : { colour }),
          ...(links && { links: Object.entries(links).map(([label, url]) => ({ text: label, url })) }),
        },
      ]),
    );
  } catch {
    return 'PROFILE_BRANDS: is not JSON like {"runware":{"name":"Acme Media","color":"#0a7f5a"}}';
  }
}
