/** How ModelRunner says what this system says otherwise: endpoints, status words, prices, calls, errors. */
import {
  type ErrorEnvelope,
  type ModelSummary,
  type Run,
  type RunStatus,
  type Said,
  type Words,
  writeCall,
} from '@inferry/contracts';

export const platform = 'modelrunner';
const prefix = `${platform}/`;

/** The words of its requests, in the order in which a request has them (MRD-03). */
export const statusWords = ['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type StatusWord = (typeof statusWords)[number];

/** `owner/alias`: the platform's models here have its name before them. */
export function toModel(endpoint: string): string {
  return endpoint.startsWith(prefix) ? endpoint : prefix + endpoint;
}

export function toEndpoint(model: string): string {
  return model.startsWith(prefix) ? model.slice(prefix.length) : model;
}

/**
 * A generation that failed is a request that completed: only `billingStatus` tells it from a success. `FAILED` is what the
 * platform gave up, or what never reached it.
 */
export function toStatusWord(status: RunStatus, upstream: string | undefined): StatusWord {
  switch (status) {
    case 'queued':
      return 'IN_QUEUE';
    case 'running':
      return 'IN_PROGRESS';
    case 'succeeded':
      return 'COMPLETED';
    case 'cancelled':
      return 'CANCELLED';
    default:
      return status === 'failed' && upstream === 'COMPLETED' ? 'COMPLETED' : 'FAILED';
  }
}

/** The runs that have a word, as the history is filtered by it. */
export function runsWith(word: StatusWord): { status: RunStatus; upstream?: string; is_not?: string }[] {
  switch (word) {
    case 'IN_QUEUE':
      return [{ status: 'queued' }];
    case 'IN_PROGRESS':
      return [{ status: 'running' }];
    case 'COMPLETED':
      return [{ status: 'succeeded' }, { status: 'failed', upstream: 'COMPLETED' }];
    case 'FAILED':
      return [{ status: 'failed', is_not: 'COMPLETED' }, { status: 'expired' }];
    case 'CANCELLED':
      return [{ status: 'cancelled' }];
  }
}

export function toBillingStatus({ status, notes = [] }: Run): string {
  if (status === 'queued' || status === 'running') return 'pending';
  if (status !== 'succeeded') return 'failed';
  return notes.length > 0 && notes.some((note) => /missing|fewer|some of/i.test(note))
    ? 'partial'
    : 'charged';
}

/** What was charged, as the decimal that the platform tells. */
export function toTotalPrice({ cost }: Run): string | undefined {
  return cost?.charged === undefined ? undefined : cost.charged.toFixed(8);
}

/** A page of a list, as every list of the platform is. */
export function toPage<T>(
  data: T[],
  asked: { page?: number | undefined; limit?: number | undefined },
  total: number | undefined,
): { page: number; limit: number; total: number; totalPages: number; data: T[] } {
  const { page = 1 } = asked;
  const limit = clampLimit(asked.limit ?? pageSize);
  const known = total ?? (page - 1) * limit + data.length;
  return { page, limit, total: known, totalPages: Math.max(1, Math.ceil(known / limit)), data };
}

const pageSize = 10;
const maxPageSize = 100;

/** More than the most is the most: the platform names none. */
export function clampLimit(limit: number): number {
  return Math.min(limit, maxPageSize);
}

export interface Card {
  endpoint: string;
  type?: 'model' | 'wrapper';
  name?: string;
  shortDescription?: string;
  category?: string;
  pricing?: string;
  featured?: boolean;
}

export function toCard(item: ModelSummary): Card {
  const { model, title, summary, category, price, featured, kind } = item;
  return {
    endpoint: toEndpoint(model),
    ...(kind === 'wrapper' && { type: 'wrapper' as const }),
    ...(title !== undefined && { name: title }),
    ...(summary !== undefined && { shortDescription: summary }),
    ...(category !== undefined && category !== '' && { category }),
    ...(price !== undefined && price !== 'not told' && { pricing: price }),
    ...(featured === true && { featured }),
  };
}

export function cardLine({ endpoint, type, name, shortDescription, category, pricing }: Card): string {
  const about = shortDescription ?? name;
  const marks = [type, category, pricing].filter((mark) => mark !== undefined);
  const head = about === undefined ? `- ${endpoint}` : `- ${endpoint}: ${about}`;
  return marks.length === 0 ? head : `${head} [${marks.join(', ')}]`;
}

/** An error without our name before the platform's models, and with the status that its own API has for it. */
export function toProductError(error: ErrorEnvelope): ErrorEnvelope {
  const status = statuses[error.code];
  const plain = plainOf(error) as ErrorEnvelope;
  if (status === undefined) return plain;
  return { ...plain, details: { ...plain.details, status } };
}

/** `GET` and `POST` of its API answer with these (its page on errors). */
const statuses: Readonly<Record<string, number>> = {
  validation_failed: 400,
  unauthorized: 401,
  insufficient_credits: 402,
  budget_exceeded: 402,
  forbidden: 403,
  model_not_found: 404,
  run_not_found: 404,
  wrapper_not_found: 404,
  generate_failed: 422,
  content_blocked: 422,
  rate_limited: 429,
};

/** What a text that was written for canonical clients says, with the names that there are here. */
export function toProductText(said: string): string {
  return said
    .replaceAll(new RegExp(`\\b${prefix}`, 'g'), '')
    .replace(canonicalName, (name) => ownNames[name] ?? name);
}

const ownNames: Readonly<Record<string, string>> = {
  search_models: 'search',
  get_run: 'get_request',
  list_runs: 'list_my_requests',
  create_upload: 'create_upload_url',
};
/** Not within a call that is marked in a text: that is said by the words of the profile. */
const canonicalName = /(?<![\w\uE0F2.])(?:search_models|get_run|list_runs|create_upload)(?!\w)/g;

function plainOf(value: unknown): unknown {
  if (typeof value === 'string') return toProductText(value);
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plainOf(item)]));
}

/** The calls that hints name, which one tool alone cannot say: several lead to one operation. */
export const words: Partial<Words> = {
  call(operation, args) {
    const has = (name: string) => args.some((arg) => arg.name === name);
    const named = args.map(({ name, value }): Said => ({ name, value: value?.replace(`"${prefix}`, '"') }));
    const pick = (names: Readonly<Record<string, string>>) =>
      named.flatMap(({ name, value }): Said[] => {
        const own = names[name];
        return own === undefined ? [] : [{ name: own, value }];
      });
    const isOfWrappers = args.some(({ name, value }) => name === 'kind' && value === '"wrapper"');
    switch (operation) {
      case 'search_models':
        if (has('query')) return writeCall('search', pick({ query: 'query' }));
        if (has('featured')) return writeCall('recommended_models', pick({ category: 'category' }));
        if (has('mine')) return 'list_my_wrappers';
        return writeCall(isOfWrappers ? 'list_wrappers' : 'list_models', pick({ category: 'category' }));
      case 'get_model':
        if (args.some(({ name, value }) => name === 'sections' && value?.includes('schema')))
          return writeCall('get_model_raw_schema', pick({ model: 'endpoint' }));
        return writeCall('get_model', pick({ model: 'endpoint' }));
      case 'get_run':
        return has('wait_seconds')
          ? writeCall('wait_for_request', pick({ run_id: 'requestId' }))
          : writeCall('get_request', pick({ run_id: 'requestId' }));
      default:
        return undefined;
    }
  },
};
