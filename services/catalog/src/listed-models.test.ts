import { expect, it } from 'vitest';
import { ListedModels } from './listed-models.ts';
import { toCard } from './model-card.ts';
import { generateModels } from './testing/generate-models.ts';

const cards = generateModels(1_200).map((model) =>
  toCard({ provider: 'p', model, updatedAt: 1, fingerprint: '' }),
);

it('builds a fresh index once more than half of the one in use is dead, with the same models', async () => {
  const models = new ListedModels();
  for (const turn of [1, 2, 3]) for (const card of cards) models.put({ ...card, updatedAt: turn });
  const before = models.index.slotCount;

  await models.compact();

  expect(before).toBe(3_600);
  expect(models.index.slotCount).toBe(1_200);
  expect(models.index.size).toBe(1_200);
});

it('knows a model by the slug that it has now', () => {
  const models = new ListedModels();
  const [card] = cards;
  if (card === undefined) throw new Error('there are none');
  for (const aliases of [['old-name'], ['new-name']]) models.put({ ...card, aliases });

  expect(models.withAlias('old-name')).toEqual([]);
  expect(models.withAlias('new-name')).toMatchObject([{ id: card.id }]);
  models.remove(card.id);
  expect(models.withAlias('new-name')).toEqual([]);
});

it('forgets a removed model everywhere', () => {
  const models = new ListedModels();
  for (const card of cards.slice(0, 2)) models.put(card);
  const [gone, kept] = cards;

  models.remove(gone?.id ?? '');

  expect(models.get(gone?.id ?? '')).toBeUndefined();
  expect(models.withNativeId(gone?.nativeId ?? '')).toEqual([]);
  expect([...models.idsOf('p')]).toEqual([kept?.id]);
  expect(models.index.size).toBe(1);
});
