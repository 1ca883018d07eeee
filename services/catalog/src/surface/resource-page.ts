import { AppError, type OfferedResource } from '@inferry/contracts';
import { z } from 'zod';
import type { ModelCard } from '../model-card.ts';
import { mimeTypes, toModelUri } from './model-resources.ts';

/** Two resources each. */
const modelsPerPage = 50;

const CursorDocument = z.tuple([z.literal(1), z.literal('resources'), z.string().max(400)]);

/** One page of the resources of `cards`, which are sorted by id: the next page goes on after the last id. */
export function pageOfResources(
  cards: readonly ModelCard[],
  cursor: string | undefined,
): { items: OfferedResource[]; next_cursor?: string } {
  const after = cursor === undefined ? '' : parseCursor(cursor);
  const from = firstAfter(cards, after);
  const shown = cards.slice(from, from + modelsPerPage);
  const items = shown.flatMap(toResources);
  const last = shown.at(-1);
  return last === undefined || from + modelsPerPage >= cards.length
    ? { items }
    : { items, next_cursor: toCursor(last.id) };
}

function toResources({ id, title }: ModelCard): OfferedResource[] {
  return (['schema', 'card'] as const).map((view) => ({
    uri: toModelUri(id, view),
    name: `${id} ${view}`,
    title: `${title.slice(0, 150)}: ${view === 'schema' ? 'input schema' : 'model card'}`,
    mimeType: mimeTypes[view],
  }));
}

function toCursor(after: string): string {
  return Buffer.from(JSON.stringify([1, 'resources', after])).toString('base64url');
}

function parseCursor(cursor: string): string {
  try {
    const [, , after] = CursorDocument.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    return after;
  } catch (error) {
    throw new AppError('invalid_cursor', 'This cursor was not handed out here.', { cause: error });
  }
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
