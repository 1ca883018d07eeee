import type { JsonObject, ModelSummary } from '@inferry/contracts';
import type { ProviderModel } from '@inferry/providers';
import type { CallerAccess } from './caller-access.ts';
import { capabilitiesOf } from './taxonomy.ts';

/**
 * What every replica keeps in memory of a model: enough to find and list it. Schemas, examples and model cards stay
 * in the database, so that ten thousand models cost megabytes and not hundreds of them.
 */
export interface ModelCard {
  /** `<provider>/<native id>` */
  id: string;
  provider: string;
  nativeId: string;
  /** Further ids that the platform itself takes for it. */
  aliases: readonly string[];
  title: string;
  summary: string;
  kind: string;
  categories: readonly string[];
  capabilities: readonly string[];
  creator: string;
  tags: readonly string[];
  isFeatured: boolean;
  isLive: boolean;
  weight: number;
  price: string;
  /** The required inputs, as search tells them: `image, prompt`. */
  needs: string;
  /** Of the stored row: a replica sees by it which rows it has to read again. */
  updatedAt: number;
  /** Of the stored document: whoever syncs sees by it what the provider changed. */
  fingerprint: string;
}

export interface CardSource {
  provider: string;
  /** Where it is not the provider's slug and the native id. */
  id?: string | undefined;
  model: ProviderModel;
  updatedAt: number;
  fingerprint: string;
}

export function toModelId(provider: string, nativeId: string): string {
  return `${provider}/${nativeId}`;
}

export function toCard({ provider, model, updatedAt, fingerprint, id }: CardSource): ModelCard {
  return {
    id: id ?? toModelId(provider, model.nativeId),
    provider,
    nativeId: model.nativeId,
    aliases: model.aliases ?? [],
    title: model.title,
    summary: model.summary,
    kind: model.kind,
    // RF-34: a packaged workflow is also asked for as a category.
    categories:
      model.kind === 'solution' ? [...new Set([...model.categories, 'solution'])] : model.categories,
    capabilities: capabilitiesOf(model),
    creator: model.creator,
    tags: model.tags,
    isFeatured: model.isFeatured,
    isLive: model.isLive,
    weight: Number.isFinite(model.weight) ? model.weight : 0,
    price: model.price.text,
    needs: needsOf(model.inputSchema),
    updatedAt,
    fingerprint,
  };
}

/** More names than these say nothing that `get_model` does not say better. */
const maxNeeds = 6;

/** An agent that knows them may run most models without another look. */
function needsOf({ required }: JsonObject): string {
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
  return names.length > maxNeeds ? `${names.slice(0, maxNeeds).join(', ')}, …` : names.join(', ');
}

/** A card as search and `get_model` show it to a caller. */
export function toSummary(
  card: ModelCard,
  access: Pick<CallerAccess, 'isUsable' | 'isConnected'>,
): ModelSummary {
  const summary: ModelSummary = {
    model: card.id,
    title: card.title,
    provider: card.provider,
    kind: card.kind,
    category: card.categories[0] ?? '',
    capabilities: [...card.capabilities],
    summary: card.summary,
    price: card.price,
  };
  if (card.needs !== '') summary.needs = card.needs;
  if (card.isFeatured) summary.featured = true;
  if (!card.isLive || !access.isUsable(card.provider)) summary.live = false;
  if (!access.isConnected(card.provider)) summary.connected = false;
  return summary;
}
