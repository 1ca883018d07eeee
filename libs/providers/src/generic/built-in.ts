import type { AdapterDefinition } from '../definition.ts';
import { parseDescription } from './description.ts';
import bfl from './platforms/bfl.json' with { type: 'json' };
import luma from './platforms/luma.json' with { type: 'json' };
import runway from './platforms/runway.json' with { type: 'json' };
import { toDefinition } from './to-definition.ts';

/** Platforms that need no code: each file is a description as `docs/generic-providers.md` explains. */
export const describedPlatforms: readonly AdapterDefinition[] = [bfl, luma, runway].map((file) =>
  toDefinition(parseDescription(file, `libs/providers/src/generic/platforms/${file.slug}.json`)),
);
