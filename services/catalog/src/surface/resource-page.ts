import type { OfferedResource } from '@inferry/contracts';
import { createCursors } from '@inferry/runtime';
import { z } from 'zod';
import type { ModelCard } from '../model-card.ts';
import { mimeTypes, toModelUri } from './model-resources.ts';

/** Two resources each. */
const modelsPerPage = 50;

const cursors = createCursors({ place: z.string().max(400), of: 'list' });
/** Everybody pages through the same list. */
const query = 'resources';

/** One page of the resources of `cards`, which are sorted by id: the next page goes on after the last id. */
export function pageOfResources(
  cards: readonly ModelCard[],
  cursor: string | undefined,
): { items: OfferedResource[]; next_cursor?: string } {
  const after = cursor === undefined ? '' : cursors.read(query, cursor);
  const from = firstAfter(cards, after);
  const shown = cards.slice(from, from + modelsPerPage);
  const items = shown.flatMap(toResources);
  const last = shown.at(-1);
  return last === undefined || from + modelsPerPage >= cards.length
    ? { items }
    : { items, next_cursor: cursors.write(query, last.id) };
}

function toResources({ id, title }: ModelCard): OfferedResource[] {
  return (['schema', 'card'] as const).map((view) => ({
    uri: toModelUri(id, view),
    name: `${id} ${view}`,
    title: `${title.slice(0, 150)}: ${view === 'schema' ? 'input schema' : 'model card'}`,
    mimeType: mimeTypes[view],
  }));
}

function firstAfter(cards: readonly ModelCard[], id: string): number {
  let low = 0;
  let high = cards.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const card = cards[middle];
    if (card !== undefined && card.id <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
