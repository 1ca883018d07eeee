import { AppError } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import { describe, expect, it } from 'vitest';
import { toCard } from '../model-card.ts';
import { generateModels } from '../testing/generate-models.ts';
import { modelOf } from '../testing/model-of.ts';
import { findModels, type ModelSearch } from './find-models.ts';
import { SearchIndex } from './search-index.ts';

function indexOf(models: readonly ProviderModel[], provider = 'p'): SearchIndex {
  const index = new SearchIndex();
  addAll(index, models, provider);
  return index;
}

function addAll(index: SearchIndex, models: readonly ProviderModel[], provider: string): void {
  for (const model of models) index.put(toCard({ provider, model, updatedAt: 1, fingerprint: '' }));
}

function find(index: SearchIndex, search: Partial<ModelSearch> = {}) {
  return findModels([index], {
    filters: {},
    includeOffline: false,
    withFacets: false,
    limit: 20,
    isUsable: () => true,
    ...search,
  });
}

function idsOf(found: ReturnType<typeof findModels>): string[] {
  return found.cards.map(({ id }) => id);
}

/** Every page of a search; `between` runs after each. */
function allPages(
  index: SearchIndex,
  search: Partial<ModelSearch>,
  between: (page: number) => void = () => undefined,
) {
  const ids: string[] = [];
  let cursor: string | undefined;
  for (let page = 1; page < 2_000; page++) {
    const found = find(index, { ...search, cursor });
    ids.push(...idsOf(found));
    cursor = found.nextCursor;
    if (cursor === undefined) return ids;
    between(page);
  }
  throw new Error('The pages do not end.');
}

describe('a page by its number', () => {
  const models = generateModels(230);
  const index = indexOf(models);
  const inOrder = allPages(index, { limit: 50 });

  it.each([
    [1, 50],
    [3, 50],
    [5, 50],
    [2, 115],
    [24, 10],
  ])('%i of %i each is that part of the one order that cursors go through [MR-11]', (number, limit) => {
    const found = find(index, { limit, offset: (number - 1) * limit });

    expect(idsOf(found)).toEqual(inOrder.slice((number - 1) * limit, number * limit));
    expect(found.total).toBe(inOrder.length);
    expect(found.nextCursor).toBeUndefined();
  });

  it('is empty after the end, and the same when it is asked for again', () => {
    expect(find(index, { limit: 10, offset: 1_000_000 })).toMatchObject({ cards: [], total: inOrder.length });

    const query = { query: 'image', limit: 7, offset: 7 };
    expect(idsOf(find(index, query))).toEqual(idsOf(find(index, query)));
    expect(idsOf(find(index, query))).toEqual(idsOf(find(index, { query: 'image', limit: 14 })).slice(7));
  });

  it('counts only what is wanted', () => {
    const [wanted] = inOrder;
    const isWanted = ({ id }: { id: string }) => id === wanted;

    expect(find(index, { offset: 0, isWanted })).toMatchObject({ total: 1, cards: [{ id: wanted }] });
  });
});

describe('ranking', () => {
  it('puts the model whose id is asked for first', () => {
    const index = indexOf([
      modelOf('acme/flux-pro', { tags: ['flux', 'dev'], isFeatured: true, weight: 9 }),
      modelOf('acme/flux-dev', { title: 'Something else' }),
    ]);

    expect(idsOf(find(index, { query: 'p/acme/flux-dev' }))[0]).toBe('p/acme/flux-dev');
    expect(idsOf(find(index, { query: 'acme/flux-dev' }))[0]).toBe('p/acme/flux-dev');
    expect(idsOf(find(index, { query: 'flux-dev' }))[0]).toBe('p/acme/flux-dev');
  });

  it('puts the model whose name is asked for before one that only begins with it', () => {
    const index = indexOf([
      modelOf('a', { title: 'Sharp Upscaler Pro', isFeatured: true, weight: 100 }),
      modelOf('b', { title: 'Sharp Upscaler' }),
    ]);

    expect(idsOf(find(index, { query: 'sharp upscaler' }))).toEqual(['p/b', 'p/a']);
  });

  it('ranks a word in the name before the same word in the tags, and that before the description', () => {
    const index = indexOf([
      modelOf('a', { title: 'One', summary: 'Restores old portraits.' }),
      modelOf('b', { title: 'Two', tags: ['portraits'] }),
      modelOf('c', { title: 'Studio portraits' }),
    ]);

    expect(idsOf(find(index, { query: 'portraits' }))).toEqual(['p/c', 'p/b', 'p/a']);
  });

  it('finds by the beginning of a word and by one with a slip in it', () => {
    const index = indexOf([modelOf('a', { title: 'Lightning' }), modelOf('b', { title: 'Thunder' })]);

    expect(idsOf(find(index, { query: 'light' }))).toEqual(['p/a']);
    expect(idsOf(find(index, { query: 'lihgtning' }))).toEqual(['p/a']);
  });

  it('finds whatever the case, the accents and the punctuation are', () => {
    const index = indexOf([modelOf('a', { title: 'Émile Wan 2.1' })]);

    expect(idsOf(find(index, { query: 'EMILE' }))).toEqual(['p/a']);
    expect(idsOf(find(index, { query: 'wan2' }))).toEqual(['p/a']);
  });

  it('breaks ties by featured, then weight, then id', () => {
    const index = indexOf([
      modelOf('d', { title: 'Nova' }),
      modelOf('a', { title: 'Nova' }),
      modelOf('c', { title: 'Nova', weight: 5 }),
      modelOf('b', { title: 'Nova', isFeatured: true }),
    ]);

    expect(idsOf(find(index, { query: 'nova' }))).toEqual(['p/b', 'p/c', 'p/a', 'p/d']);
    expect(idsOf(find(index))).toEqual(['p/b', 'p/c', 'p/a', 'p/d']);
  });

  it('lets the telling word decide over words that half of the catalog has', () => {
    const index = indexOf([
      modelOf('a', { title: 'Image Model', tags: ['image', 'generate'] }),
      modelOf('b', { title: 'Kestrel', summary: 'Draws.' }),
    ]);

    expect(idsOf(find(index, { query: 'generate an image with kestrel' }))).toEqual(['p/b']);
  });

  it('falls back to any of the words when no model has enough of them', () => {
    const index = indexOf([modelOf('a', { title: 'Image Maker' }), modelOf('b', { title: 'Voice' })]);

    expect(idsOf(find(index, { query: 'qwxyz vvbnm image' }))).toEqual(['p/a', 'p/b']);
    expect(find(index, { query: 'qwxyz' }).total).toBe(0);
    expect(find(index, { query: '?!' }).total).toBe(0);
  });

  it('finds a changed model by its new words and not by its old ones', () => {
    const index = indexOf([modelOf('a', { title: 'Before' })]);

    addAll(index, [modelOf('a', { title: 'After' })], 'p');

    expect(find(index, { query: 'before' }).total).toBe(0);
    expect(find(index, { query: 'after' }).total).toBe(1);
    expect(find(index).total).toBe(1);
  });
});

describe('filters', () => {
  const index = indexOf([
    modelOf('draw', { categories: ['image', 'text-to-image'] }),
    modelOf('edit', {
      categories: ['image', 'image-to-image'],
      capabilities: ['op:edit'],
      creator: 'Borealis',
    }),
    modelOf('flow', { kind: 'solution', categories: ['video'], isFeatured: true }),
    modelOf('away', { isLive: false }),
  ]);
  addAll(index, [modelOf('far')], 'q');

  it('takes a medium or a task as the category', () => {
    expect(idsOf(find(index, { filters: { category: 'image', provider: 'p' } }))).toEqual([
      'p/draw',
      'p/edit',
    ]);
    expect(idsOf(find(index, { filters: { category: 'image-to-image' } }))).toEqual(['p/edit']);
    expect(idsOf(find(index, { filters: { category: 'solution' } }))).toEqual(['p/flow']);
  });

  it('narrows by provider, kind, capability, creator and featured, whatever the case', () => {
    expect(idsOf(find(index, { filters: { provider: 'q' } }))).toEqual(['q/far']);
    expect(idsOf(find(index, { filters: { kind: 'solution' } }))).toEqual(['p/flow']);
    expect(idsOf(find(index, { filters: { capability: 'OP:edit' } }))).toEqual(['p/edit']);
    expect(idsOf(find(index, { filters: { creator: 'borealis' } }))).toEqual(['p/edit']);
    expect(idsOf(find(index, { filters: { featured: 'true' } }))).toEqual(['p/flow']);
    expect(find(index, { filters: { creator: 'nobody' } }).total).toBe(0);
  });

  it('leaves out what is not live, and what a provider that cannot be used offers, unless asked', () => {
    const isUsable = (provider: string) => provider === 'p';

    expect(idsOf(find(index, { isUsable }))).toEqual(['p/flow', 'p/draw', 'p/edit']);
    expect(find(index, { isUsable, includeOffline: true }).total).toBe(5);
  });
});

describe('facets', () => {
  const index = indexOf([
    modelOf('a', { categories: ['image'], creator: 'acme', capabilities: ['op:x'] }),
    modelOf('b', { categories: ['image'], creator: 'borealis', capabilities: ['op:x', 'op:y'] }),
    modelOf('c', { categories: ['video'], creator: 'acme', isFeatured: true }),
  ]);

  it('counts each value over what matches the other filters', () => {
    const { facets, total } = find(index, { filters: { category: 'image' }, withFacets: true });

    expect(total).toBe(2);
    expect(facets?.category).toEqual({ image: 2, video: 1 });
    expect(facets?.creator).toEqual({ acme: 1, borealis: 1 });
    expect(facets?.capability).toMatchObject({ 'op:x': 2, 'op:y': 1 });
  });

  it('counts only what matches the words', () => {
    const { facets } = find(index, { query: 'borealis', withFacets: true });

    expect(facets?.creator).toEqual({ borealis: 1 });
    expect(facets?.provider).toEqual({ p: 1 });
  });

  it('names the most frequent values and how many there are besides', () => {
    const many = Array.from({ length: 30 }, (_, number) => modelOf(`m${number}`, { creator: `c${number}` }));
    const { facets } = find(indexOf(many), { withFacets: true });

    expect(Object.keys(facets?.creator ?? {})).toHaveLength(20);
    expect(facets?.values_not_shown).toEqual({ creator: 10 });
  });
});

describe('pages', () => {
  it('gives every match once, in order, whatever the size of a page', () => {
    const index = indexOf(generateModels(137));
    const whole = idsOf(find(index, { query: 'photorealistic image', limit: 200 }));

    expect(whole.length).toBeGreaterThan(20);
    expect(allPages(index, { query: 'photorealistic image', limit: 7 })).toEqual(whole);
    expect(allPages(index, { limit: 10, includeOffline: true })).toHaveLength(137);
  });

  it('shows no model twice and passes none over when the catalog changes between pages', () => {
    const models = generateModels(120);
    const index = indexOf(models);
    const before = new Set(allPages(index, { query: 'cinematic image', limit: 500 }));

    const seen = allPages(index, { query: 'cinematic image', limit: 5 }, (page) => {
      addAll(index, generateModels(200).slice(120 + page * 3, 123 + page * 3), 'p');
      addAll(index, models.slice(page, page + 2), 'p');
      index.remove(`p/${models[page * 7]?.nativeId}`);
    });

    const removed = [...before].filter(
      (id) => !seen.includes(id) && find(index, { query: id }).cards[0]?.id === id,
    );
    expect(new Set(seen).size).toBe(seen.length);
    expect(removed).toEqual([]);
  });

  it('goes on after the last model shown even when that one is gone', () => {
    const index = indexOf(['a', 'b', 'c'].map((id) => modelOf(id)));
    const first = find(index, { limit: 1 });

    index.remove('p/a');

    expect(idsOf(find(index, { limit: 5, cursor: first.nextCursor }))).toEqual(['p/b', 'p/c']);
  });

  it('keeps asking for any of the words on later pages when the first page did', () => {
    const index = indexOf(['a', 'b', 'c'].map((id) => modelOf(id)));
    const search = { query: 'qwxyz vvbnm image', limit: 2 };
    const first = find(index, search);

    addAll(index, [modelOf('z', { title: 'qwxyz vvbnm' })], 'p');

    expect(idsOf(find(index, { ...search, cursor: first.nextCursor }))).toEqual(['p/c']);
  });

  it('refuses a cursor of another search, and anything else that is none', () => {
    const index = indexOf(['a', 'b'].map((id) => modelOf(id)));
    const cursor = find(index, { limit: 1 }).nextCursor;
    const refusal = expect.objectContaining({ code: 'invalid_cursor' });

    expect(cursor).toBeTypeOf('string');
    expect(() => find(index, { query: 'other', cursor })).toThrow(refusal);
    expect(() => find(index, { filters: { kind: 'model' }, cursor })).toThrow(refusal);
    for (const nonsense of ['', 'x', 'e30', Buffer.from('[1]').toString('base64url')]) {
      expect(() => find(index, { cursor: nonsense })).toThrow(AppError);
    }
  });
});

describe('a catalog of 10,000 models', () => {
  const index = indexOf(generateModels(10_000));

  it('finds each model by its id', () => {
    const models = generateModels(10_000).filter((_, number) => number % 997 === 0);

    const found = models.map(
      ({ nativeId }) => idsOf(find(index, { query: nativeId, includeOffline: true }))[0],
    );

    expect(found).toEqual(models.map(({ nativeId }) => `p/${nativeId}`));
  });

  it('counts every model in the facets', () => {
    const { total, facets } = find(index, { withFacets: true, includeOffline: true });

    const byCreator = Object.values(facets?.creator ?? {}).reduce((sum, count) => sum + count, 0);
    expect(total).toBe(10_000);
    expect(byCreator).toBe(10_000);
    expect(facets?.featured).toEqual({ true: 100 });
  });

  it('pages through all of them', () => {
    const ids = allPages(index, { limit: 100, includeOffline: true });

    expect(new Set(ids).size).toBe(10_000);
  });
});
