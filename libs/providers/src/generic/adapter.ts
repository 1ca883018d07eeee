import { AppError, type JsonObject, type Quote } from '@inferry/contracts';
import { z } from 'zod';
import type { AdapterOptions } from '../definition.ts';
import { classifyFailure } from '../errors/index.ts';
import { type Call, HeldCalls, maxCallMs, PlatformAdapter, probeWith } from '../http/index.ts';
import { quotePrice, rateOf } from '../prices/price-text.ts';
import type {
  CancelResult,
  JobEnd,
  JobHandle,
  JobView,
  Probe,
  Provider,
  ProviderContext,
  ProviderModel,
  Recovery,
  SubmitRequest,
} from '../provider.ts';
import { authorizerOf } from './authorize.ts';
import type { Description } from './description.ts';
import { modelsOf } from './models.ts';
import { failureRuleOf, readView, refusalIn } from './read-reply.ts';
import { fillPath, fillTemplate, fillUrl, type Names, valuesAt } from './template.ts';

type DescribedCall = Pick<NonNullable<Description['probe']>, 'method' | 'path' | 'url' | 'query' | 'body'>;

/** What an amount of a file is for, by its basis. */
const unitsOf: Readonly<Partial<Record<Quote['basis'], string>>> = {
  per_image: 'image',
  per_second: 'second',
  per_request: 'run',
};

/** A platform that a file describes. */
export function createDescribedProvider(description: Description, options: AdapterOptions): Provider {
  return new DescribedProvider(description, options);
}

class DescribedProvider extends PlatformAdapter implements Provider {
  readonly #description: Description;
  readonly #held: HeldCalls;
  readonly #listed: ReturnType<typeof modelsOf>;

  constructor(description: Description, options: AdapterOptions) {
    super(options, {
      keyHosts: description.key_hosts,
      headers: description.headers,
      rule: failureRuleOf(description),
      authorize: authorizerOf(description.auth, options.now),
    });
    this.#description = description;
    this.#listed = modelsOf(description);
    this.#held = new HeldCalls({ title: this.title, deadlineMs: options.maxCallMs });
  }

  async listModels(_context: ProviderContext, etag?: string): ReturnType<Provider['listModels']> {
    return etag === this.#listed.etag ? 'unchanged' : this.#listed;
  }

  /** By the amount and basis of the file, else by its words; what a file says of a price is not the platform's word. */
  quote({ price, inputSchema }: ProviderModel, input: JsonObject): Quote {
    if (price.expression !== undefined) return quotePrice({ price, inputSchema }, input);
    const { currency, basis, amount } = price;
    const unit = unitsOf[basis];
    const rate = amount === undefined || unit === undefined ? undefined : rateOf(amount, unit);
    const quote = quotePrice({ price: { ...price, ...(rate && { rate }) }, inputSchema }, input);
    // Nothing is nothing, however often.
    const told = amount === undefined ? {} : { currency, basis };
    return { ...quote, ...told, exact: amount === 0 };
  }

  /** What failed may have been charged, unless its price is nothing: the file can say where the platform tells it. */
  mayCostUntold({ status, nativeId }: JobEnd): boolean {
    const model = this.#description.models.find(({ id }) => id === nativeId);
    const isFree = model?.price?.amount === 0 || this.#description.result.failures === 'free';
    return !isFree && (status === 'failed' || status === 'cancelled');
  }

  async submit(
    request: SubmitRequest,
    context: ProviderContext,
  ): Promise<{ handle: JobHandle; view: JobView }> {
    const { submit, poll } = this.#description;
    const model = this.#description.models.find(({ id }) => id === request.nativeId);
    if (model === undefined)
      throw new AppError('model_not_found', `${this.title} has no model of this name here.`);
    const names = { model: model.id, 'model.id': model.id, input: request.input, run_id: request.runId };
    const values = Object.entries(model.values).map(([name, value]) => [`model.${name}`, value]);
    const call = toCall(
      { ...submit, method: submit.method ?? 'POST' },
      { ...names, ...Object.fromEntries(values) },
    );
    if (poll === undefined) {
      const timed = { ...call, timeoutMs: maxCallMs };
      return this.#held.start(
        request.runId,
        async ({ signal, guard }) =>
          readView(await this.#submitOnce(timed, { ...context, signal, guard }), this.#description),
        context,
      );
    }
    const body = await this.#submitOnce(call, context);
    return { handle: this.#toHandle(body), view: { status: 'queued', upstreamStatus: 'accepted' } };
  }

  async poll(handle: JobHandle, context: ProviderContext): Promise<JobView> {
    const { poll } = this.#description;
    if (poll === undefined) return this.#held.poll(handle);
    try {
      const { body } = await this.client.read(z.unknown(), toCall(poll, { handle }), context);
      this.#refuse(body, 'read');
      return readView(body, this.#description);
    } catch (error) {
      if (error instanceof AppError && (error.upstreamStatus === 404 || error.upstreamStatus === 410)) {
        return { status: 'not_found', upstreamStatus: 'not found' };
      }
      throw error;
    }
  }

  async cancel(handle: JobHandle, context: ProviderContext): Promise<CancelResult> {
    const { cancel, poll } = this.#description;
    if (poll === undefined) return this.#held.cancel(handle) === 'confirmed' ? 'requested' : 'too_late';
    if (cancel === undefined) return 'unsupported';
    const call = toCall({ ...cancel, method: cancel.method ?? 'POST' }, { handle });
    const { status } = await this.client.change(z.unknown(), { ...call, accept: [400, 404, 409] }, context);
    return status >= 400 ? 'too_late' : 'requested';
  }

  async recover({ runId }: { runId: string }): Promise<Recovery> {
    return this.#description.poll === undefined ? this.#held.recover(runId) : { outcome: 'unknown' };
  }

  forget(handle: JobHandle): void {
    this.#held.forget(handle);
  }

  jobsOf(): 'remote' | 'process' {
    return this.#description.poll === undefined ? 'process' : 'remote';
  }

  async probe(context: ProviderContext): Promise<Probe> {
    const { probe } = this.#description;
    if (probe === undefined) return { outcome: 'unknown' };
    return probeWith(() => this.client.read(z.unknown(), toCall(probe, {}), context));
  }

  override async close(): Promise<void> {
    this.#held.close();
    await super.close();
  }

  async #submitOnce(call: Call, context: ProviderContext): Promise<unknown> {
    const { body } = await this.client.submit(z.unknown(), call, context);
    this.#refuse(body, 'submit');
    return body;
  }

  /** A refusal in a reply with a good status: nothing was taken. */
  #refuse(body: unknown, purpose: 'submit' | 'read'): void {
    const code = refusalIn(body, this.#description);
    if (code === undefined) return;
    const rule = () => ({ ...failureRuleOf(this.#description)({ status: 200, headers: {}, body }), code });
    throw classifyFailure({ status: 200, headers: {}, body }, { title: this.title, purpose, rule });
  }

  #toHandle(body: unknown): JobHandle {
    const { handle, numeric_ids: isNumeric } = this.#description.submit;
    const found = Object.entries(handle).map(([name, at]) => [name, valuesAt(body, at)[0]]);
    // A number that a double cannot hold has come as its digits.
    const isNumber = (value: unknown) =>
      typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value));
    const isId = (value: unknown) =>
      isNumeric ? isNumber(value) : typeof value === 'string' && value !== '';
    if (!found.every(([, value]) => isId(value))) {
      throw new AppError('upstream_malformed', `${this.title} took the job and did not say its id.`);
    }
    return Object.fromEntries(found);
  }
}

function toCall({ method, path, url, query, body }: DescribedCall, names: Names): Call {
  const filled = Object.entries(query ?? {}).map(([name, value]) => [name, fillUrl(value, names)]);
  return {
    ...(method === undefined ? {} : { method }),
    ...(url === undefined ? { path: fillPath(path ?? '', names) } : { url: fillUrl(url, names) }),
    ...(query === undefined ? {} : { query: Object.fromEntries(filled) }),
    ...(body === undefined ? {} : { json: fillTemplate(body, names) }),
  };
}
