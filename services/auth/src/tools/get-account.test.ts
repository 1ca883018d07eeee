import {
  AppError,
  getAccount,
  listProviders,
  localPrincipal,
  type Principal,
  type ProviderState,
  readBudgets,
  readStorage,
  readUsage,
} from '@inferry/contracts';
import { canonicalTool } from '@inferry/profiles';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AuthUnderTest, ada, openAuth } from '../testing/open-auth.ts';

let auth: AuthUnderTest;
beforeEach(async () => {
  auth = await openAuth();
});
afterEach(() => auth.close());

interface Outcome {
  isError?: boolean;
  content: { text: string }[];
  structuredContent: Record<string, unknown> & { page?: { next_cursor?: string }; error?: { code: string } };
}

async function account(args: unknown, principal: Principal = ada): Promise<Outcome> {
  // as: a tool's result as the bus made it from the contract.
  return JSON.parse(await auth.bus.callTool(canonicalTool(getAccount), args, { principal })) as Outcome;
}

function provider(slug: string): ProviderState {
  return {
    slug,
    title: slug.toUpperCase(),
    ready: slug !== 'fal',
    models: 3,
    stale: false,
    capabilities: ['watch'],
  };
}

const budget = { scope: 'subject', currency: 'USD', limit: 5, spent: 1.5, reserved: 0.25 };

function answerAll(): void {
  auth.answer(listProviders, async () => ({ providers: [provider('local'), provider('fal')] }));
  auth.answer(readBudgets, async () => ({ budgets: [budget] }));
  auth.answer(readUsage, async (query, { principal }) => ({
    totals: { runs: 3, charged: 1.5, currency: 'USD' },
    buckets: [
      {
        start: query.since ?? query.bucket,
        provider: principal.subject,
        runs: 3,
        charged: 1.5,
        currency: 'USD',
      },
    ],
  }));
}

describe('get_account', () => {
  it('tells who, by what providers, what is left and what was spent when nothing is asked for', async () => {
    answerAll();

    const { structuredContent } = await account({});

    expect(structuredContent).toEqual({
      identity: { subject: 'ada', client: 'laptop', kind: 'api_key', scopes: ['mcp'] },
      providers: [
        { ...{ slug: 'fal', title: 'FAL', connected: false, key_ok: false }, ...rest },
        { ...{ slug: 'local', title: 'LOCAL', connected: true, key_ok: true }, ...rest },
      ],
      balance: [],
      usage: { totals: { runs: 3, charged: 1.5, currency: 'USD' } },
      budgets: [budget],
    });
  });

  const rest = { models: 3, stale: false, capabilities: ['watch'] };

  it('says the same in its text', async () => {
    answerAll();

    const { content, structuredContent } = await account({});

    const text = content[0]?.text ?? '';
    for (const value of Object.values(structuredContent)) expect(text).toContain(JSON.stringify(value));
  });

  it('is short when nothing is asked for, however much there is', async () => {
    const usd = { runs: 900, charged: 12.345678, currency: 'USD', unknown_cost_runs: 12 };
    const slugs = Array.from({ length: 40 }, (_, at) => `a-platform-with-a-name-${at}`);
    auth.answer(listProviders, async () => ({
      providers: slugs.map((slug) => ({ ...provider(slug), capabilities: Array(9).fill('submit-and-poll') })),
    }));
    auth.answer(readBudgets, async () => ({ budgets: Array(9).fill(budget) }));
    auth.answer(readUsage, async () => ({
      totals: usd,
      other_totals: [{ ...usd, currency: 'EUR' }],
      buckets: Array(20).fill({ ...usd, start: '2026-01-01T00:00:00Z', provider: 'fal' }),
    }));

    const { content, structuredContent } = await account({});

    expect(Buffer.byteLength(content[0]?.text ?? '')).toBeLessThanOrEqual(1_024);
    expect(Buffer.byteLength(JSON.stringify(structuredContent))).toBeLessThanOrEqual(1_024);
    expect(structuredContent).toMatchObject({ identity: { subject: 'ada' }, usage: { totals: usd } });
    expect(structuredContent.next_action).toContain('get_account(sections=');
    expect(content[0]?.text).toContain(String(structuredContent.next_action));
  });

  it('never tells an unknown amount as nothing', async () => {
    answerAll();
    const unknown = { runs: 4, charged: 0, currency: 'USD', unknown_cost_runs: 4 };
    auth.answer(readUsage, async () => ({
      totals: { ...unknown, runs: 5, charged: 0.5 },
      buckets: [{ ...unknown, start: '2026-01-01T00:00:00Z', provider: 'openai' }],
    }));

    const { structuredContent } = await account({ sections: ['usage'] });

    expect(structuredContent.usage).toMatchObject({
      totals: { charged: 0.5, unknown_cost_runs: 4 },
      buckets: [{ charged: 'unknown', unknown_cost_runs: 4 }],
    });
  });

  it('asks the owners in the name of the caller, with the window and provider asked for', async () => {
    answerAll();

    const { structuredContent } = await account({
      sections: ['usage'],
      since: '2026-01-01T00:00:00Z',
      bucket: 'month',
    });

    expect(structuredContent).toEqual({
      usage: {
        totals: { runs: 3, charged: 1.5, currency: 'USD' },
        bucket: 'month',
        buckets: [{ start: '2026-01-01T00:00:00Z', provider: 'ada', runs: 3, charged: 1.5, currency: 'USD' }],
      },
    });
  });

  it('tells of one provider alone', async () => {
    answerAll();

    const { structuredContent } = await account({ sections: ['providers'], provider: 'local' });

    expect(structuredContent.providers).toEqual([expect.objectContaining({ slug: 'local' })]);
  });

  it('answers what it can when the other services are away, and says so in each section', async () => {
    const sections = ['identity', 'providers', 'balance', 'usage', 'budgets', 'limits'];

    const { isError, structuredContent } = await account({ sections });

    const away = { error: expect.objectContaining({ code: 'unavailable', retryable: true }) };
    expect(isError).toBeFalsy();
    expect(structuredContent).toMatchObject({ providers: [away], usage: away, budgets: [away] });
    expect(structuredContent.identity).toMatchObject({ subject: 'ada' });
    expect(structuredContent.limits).toHaveProperty('windows');
  });

  it('answers within its time what it can when a service is silent', async () => {
    answerAll();
    auth.answer(readUsage, () => new Promise(() => undefined));
    const options = { principal: ada, timeoutMs: 1_200 };

    const { structuredContent } = JSON.parse(await auth.bus.callTool(canonicalTool(getAccount), {}, options));

    expect(structuredContent).toMatchObject({
      usage: { error: { code: 'deadline_exceeded' } },
      budgets: [budget],
    });
  });

  it('shows no detail of a section that failed inside', async () => {
    answerAll();
    auth.limits.hit = () => Promise.reject(new Error('redis://user:hunter2@host'));

    const { structuredContent, content } = await account({ sections: ['limits', 'identity'] });

    expect(structuredContent).toMatchObject({ limits: { error: { code: 'internal' } }, identity: {} });
    expect(JSON.stringify([structuredContent, content])).not.toContain('hunter2');
    expect(auth.warnings).toHaveLength(1);
  });

  it('fails as a whole when the fault is in what was asked', async () => {
    auth.answer(readUsage, () => Promise.reject(new AppError('validation_failed', 'since is after until')));

    const outcome = await account({ sections: ['usage', 'identity'] });

    expect(outcome).toMatchObject({
      isError: true,
      structuredContent: { error: { code: 'validation_failed' } },
    });
  });
});

describe('the limits of an account', () => {
  it('are what is left of the window that the gateway charges, which looking does not charge', async () => {
    const rule = { limit: 600, windowMs: 60_000 };
    await auth.limits.hit({ key: 'credential:key_ada', rule, cost: 42 });

    await account({ sections: ['limits'] });
    const { structuredContent } = await account({ sections: ['limits'] });

    expect(structuredContent.limits).toEqual({
      windows: [{ name: 'requests', limit: 600, window_seconds: 60, remaining: 558, reset_seconds: 60 }],
    });
  });

  it('tell what is stored of what may be', async () => {
    auth.answer(readStorage, async (_input, { principal }) => ({
      bytes: principal.subject.length,
      files: 1,
      max_bytes: 100,
    }));

    const { structuredContent } = await account({ sections: ['limits'] });

    expect(structuredContent.limits).toMatchObject({ storage: { bytes: 3, files: 1, max_bytes: 100 } });
  });

  it('are none for the one user of a loopback system', async () => {
    const { structuredContent } = await account({ sections: ['limits'] }, localPrincipal);

    expect(structuredContent.limits).toEqual({ windows: [] });
  });
});

describe('the pages of an account', () => {
  const slugs = ['a', 'b', 'c', 'd', 'e'];

  function answerPages(): void {
    auth.answer(listProviders, async () => ({ providers: slugs.map(provider) }));
    auth.answer(readUsage, async ({ limit, cursor }) => {
      const start = Number(cursor ?? 0);
      const buckets = Array.from({ length: 3 }, (_, index) => index).slice(start, start + limit);
      const toBucket = (index: number) => ({
        start: `${index}`,
        provider: 'a',
        runs: 1,
        charged: 0,
        currency: 'USD',
      });
      return {
        totals: { runs: 3, charged: 0, currency: 'USD' },
        buckets: buckets.map(toBucket),
        ...(start + limit < 3 ? { next_cursor: `${start + limit}` } : {}),
      };
    });
  }

  it('lead through every list to its end, showing on later pages only what goes on', async () => {
    answerPages();
    const query = { sections: ['identity', 'providers', 'usage'], limit: 2 };
    const pages = [await account(query)];
    for (;;) {
      const cursor = pages.at(-1)?.structuredContent.page?.next_cursor;
      if (cursor === undefined || pages.length > 5) break;
      pages.push(await account({ ...query, cursor }));
    }

    const shown = pages.map(({ structuredContent }) => Object.keys(structuredContent));
    expect(shown).toEqual([
      ['identity', 'providers', 'usage', 'page'],
      ['providers', 'usage', 'page'],
      ['providers'],
    ]);
    const all = pages.flatMap(({ structuredContent }) => structuredContent.providers);
    expect(all).toEqual(slugs.map((slug) => expect.objectContaining({ slug })));
  });

  it.each([
    ['is no cursor at all', () => ({ sections: ['providers'], limit: 2, cursor: 'nonsense' })],
    ['is JSON of another shape', () => ({ sections: ['providers'], limit: 2, cursor: 'e30' })],
    [
      'comes from another question',
      (cursor: string) => ({ sections: ['providers', 'usage'], limit: 2, cursor }),
    ],
  ])('refuse a cursor that %s', async (_what, build) => {
    answerPages();
    const first = await account({ sections: ['providers'], limit: 2 });

    const outcome = await account(build(first.structuredContent.page?.next_cursor ?? ''));

    expect(outcome.structuredContent.error).toMatchObject({ code: 'invalid_cursor' });
  });

  it("refuse another subject's cursor", async () => {
    answerPages();
    const query = { sections: ['providers'], limit: 2 };
    const cursor = (await account(query)).structuredContent.page?.next_cursor;

    const outcome = await account({ ...query, cursor }, { ...ada, subject: 'eve' });

    expect(outcome.structuredContent.error).toMatchObject({ code: 'invalid_cursor' });
  });
});
