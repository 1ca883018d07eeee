import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, endQueuedRun, insertRun, setLimit } from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { admin } from './admin.ts';
import { openStore } from './open-store.ts';

let env: { INFERRY_HOME: string };
let lines: string[];
beforeEach(() => {
  env = { INFERRY_HOME: mkdtempSync(join(tmpdir(), 'inferry-admin-')) };
  lines = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(...String(text).trimEnd().split('\n'));
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(env.INFERRY_HOME, { recursive: true, force: true });
});

describe('admin ledger verify', () => {
  it('says that all agrees, in a form for programs too', async () => {
    expect(await admin(['ledger', 'verify', '--json'], env)).toBe(0);

    expect(JSON.parse(lines.join(''))).toMatchObject({ ok: true, runs: 0, differences: 0, isGuarded: true });
  });

  it('names what is booked for nobody, and ends with 1', async () => {
    const { database, close } = await openStore(env);
    const entry = { run_id: 'run_x', subject: 'ada', provider: 'p', model: 'p/m', currency: 'USD', at: 1 };
    await database.queries
      .insertInto('ledger')
      .values({ ...entry, entry_id: 'run_x:reserve', kind: 'reserve', amount_micros: 5 })
      .execute();
    await close();

    expect(await admin(['ledger', 'verify'], env)).toBe(1);

    expect(lines.join('\n')).toContain('run_x holds 5, booked as held is 0 millionths of USD');
  });
});

describe('admin', () => {
  const row: Parameters<typeof insertRun>[1]['row'] = {
    ...{
      run_id: 'run_1',
      subject: 'ada',
      grant_id: 'k',
      idempotency_key: 'a',
      request_hash: '',
      client: 'cursor',
    },
    ...{
      model: 'p/=m',
      provider: 'p',
      native_id: 'm',
      input: '{"secret":1}',
      file_fields: '{}',
      options: '{}',
    },
    ...{ metadata: '{}', status: 'queued', phase: 'queued', version: 1, poll_attempts: 0, next_poll_at: 5 },
    ...{ created_at: Date.parse('2031-02-03'), deadline_at: 9e15, currency: 'USD', reserved_micros: 0 },
    ...{ outputs: '{}', logs: '[]' },
  };

  async function withRun<T>(use: (database: Database) => Promise<T>): Promise<T> {
    const { database, close } = await openStore(env);
    await insertRun(database, { row, tags: { team: 'a,b' }, wantedMicros: 100_000 });
    const result = await use(database);
    await close();
    return result;
  }

  async function say(...args: string[]): Promise<string> {
    lines = [];
    const code = await admin(args, env);
    return `${code}: ${lines.join('\n')}`;
  }

  it('shows runs without what went in or out, stops them and takes them from whoever holds them', async () => {
    await withRun(async () => undefined);

    expect(await say('runs', 'list', '--subject', 'ada')).toContain(
      'run_1  2031-02-03T00:00:00.000Z  queued  ada',
    );
    const shown = await say('runs', 'show', 'run_1');
    expect(shown).toContain('"reserved": 0.1');
    expect(shown).not.toContain('secret');
    expect(await say('runs', 'release', 'run_1')).toContain('0: run_1 is taken');
    expect(await say('runs', 'cancel', 'run_1')).toContain('0: run_1 is stopped');
    expect(await say('runs', 'cancel', 'run_2')).toBe('1: There is no run run_2');
  });

  it('pauses, drains and lets a platform go on, and notes who did', async () => {
    await withRun(async () => undefined);

    await say('providers', 'pause', 'p', '--reason', 'it is away');
    expect(await say('providers', 'list')).toBe('0: p: 1 queued; pause it is away');
    await say('providers', 'drain', 'p');
    await say('providers', 'resume', 'p');
    expect(await say('providers', 'list')).toBe('0: p: 1 queued');

    const trail = (await say('audit', 'export'))
      .slice(3)
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(trail.map(({ action }) => action)).toEqual([
      ...['run.started', 'admin.provider.pause', 'admin.provider.drain', 'admin.provider.resume'],
    ]);
    expect(trail[1]).toMatchObject({ place: 2, object: 'p', details: { reason: 'it is away' } });
    expect(trail[1].actor).toMatch(/^operator/);
  });

  it('sends a webhook again that was given up', async () => {
    await withRun(async ({ queries }) => {
      const given = {
        url: 'https://x.example',
        body: '{}',
        attempts: 9,
        next_attempt_at: null,
        lease_until: null,
      };
      await queries
        .insertInto('webhook_deliveries')
        .values({ ...given, delivery_id: 'msg_1', run_id: 'run_1', delivered_at: null, last_status: 500 })
        .execute();
    });

    expect(await say('webhooks', 'list', '--failed')).toContain('msg_1  given up, 9 attempts, last 500');
    expect(await say('webhooks', 'replay', 'msg_1')).toBe('0: msg_1 is sent again');
    expect(await say('webhooks', 'list')).toContain('0 attempts');
    expect(await say('webhooks', 'replay', 'msg_2')).toMatch(/^1: /);
  });

  it('bounds what is under way and sent of whom, says so, and takes it away again', async () => {
    await say('limits', 'set', '--scope', 'subject', '--value', '*', '--at-once', '4', '--rate', '100/m');
    await say('limits', 'set', '--scope', 'subject', '--value', 'ada', '--at-once', 'any', '--open', '20');
    expect(await say('limits', 'set', '--scope', 'subject', '--value', '*', '--rate', 'none')).toBe(
      '0: subject *: at most 4 at once',
    );
    expect(
      await say('limits', 'set', '--scope', 'provider', '--value', 'p', '--rate', '5/s', '--json'),
    ).toContain('"rate":{"count":5,"windowMs":1000}');

    expect(await say('limits', 'list')).toBe(
      [
        '0: provider p: at most 5/s',
        'subject *: at most 4 at once',
        'subject ada: any number at once, at most 20 open',
      ].join('\n'),
    );
    await say('limits', 'clear', '--scope', 'subject', '--value', 'ada');
    expect(await say('limits', 'list')).not.toContain('ada');
    expect(await say('audit', 'export')).toContain('admin.limits.clear');
    for (const wrong of [
      ['limits', 'set', '--scope', 'team', '--value', 'x', '--at-once', '1'],
      ['limits', 'set', '--scope', 'subject', '--value', 'x'],
      ['limits', 'set', '--scope', 'subject', '--value', 'x', '--at-once', '0'],
      ['limits', 'set', '--scope', 'subject', '--value', 'x', '--rate', '5'],
      ['limits', 'set', '--scope', 'provider', '--value', 'x', '--open', '5'],
    ])
      await expect(admin(wrong, env)).rejects.toThrow(ConfigError);
  });

  it('suggests models that may do the same, and changes nothing', async () => {
    const model = {
      ...{
        title: 'FLUX.1 [schnell]',
        summary: '',
        kind: 'model',
        categories: ['image'],
        creator: '',
        tags: [],
      },
      ...{ capabilities: ['io:text-to-image', 'op:generate'], isFeatured: false, isLive: true, weight: 0 },
      ...{
        outputSchema: {},
        price: { text: '', currency: 'USD', basis: 'unknown' },
        examples: [],
        readme: '',
      },
    };
    await withRun(async ({ queries }) => {
      for (const [provider, field] of [
        ['fal', 'prompt'],
        ['runware', 'positivePrompt'],
      ] as const) {
        const document = JSON.stringify({
          ...model,
          nativeId: 'x/flux-schnell',
          inputSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
        });
        const row = { provider, native_id: 'x/flux-schnell', document, deleted_at: null, updated_at: 1 };
        await queries
          .insertInto('models')
          .values({ ...row, model: `${provider}/x/flux-schnell` })
          .execute();
      }
    });

    expect(await say('equal-models', 'suggest')).toBe(
      [
        '0: "flux-1-schnell": {"models":["fal/x/flux-schnell","runware/x/flux-schnell"],"fields":{"runware/x/flux-schnell":{"prompt":"positivePrompt"}}}',
        '  io:text-to-image op:generate',
        'Nothing was changed.',
      ].join('\n'),
    );
    expect(await say('equal-models', 'suggest', '--json')).toContain('"alias":"flux-1-schnell"');
  });

  it('says what is kept for whom, for how long, and takes it away again', async () => {
    await say('storage', 'set', '--scope', 'subject', '--value', 'ada', '--days', '30', '--bytes', '1.5GiB');
    await say('storage', 'set', '--scope', 'subject', '--value', 'ada', '--rehost', 'off');

    expect(await say('storage', 'list')).toBe(
      "0: subject ada: kept 30 days, at most 1610612736 bytes, outputs keep the platforms' links",
    );
    await say('storage', 'set', '--scope', 'subject', '--value', 'ada', '--days', 'none');
    expect(await say('storage', 'list')).not.toContain('days');
    await say('storage', 'clear', '--scope', 'subject', '--value', 'ada');
    expect(await say('storage', 'list')).toBe('0: ');
    expect(await say('audit', 'export')).toContain('admin.storage.set');
  });

  it('deletes what an ended run keeps, and not what goes on', async () => {
    await withRun(async () => undefined);

    expect(await say('runs', 'forget', 'run_1')).toBe('1: run_1 goes on: cancel it first');
    await withRun((database) =>
      database.queries.updateTable('runs').set({ phase: 'done', finished_at: 1 }).execute(),
    );
    expect(await say('runs', 'forget', 'run_1')).toBe('0: run_1 keeps nothing; 0 files end');
    expect(await say('audit', 'export')).toContain('run.payload_deleted');
  });

  it('notes each action that changes something, and who did it, and none that only looks', async () => {
    await withRun(async (database) => {
      const sent = {
        ...{ url: 'https://x.example', body: '{}', attempts: 9, lease_until: null },
        last_status: 500,
      };
      await database.queries
        .insertInto('webhook_deliveries')
        .values({ ...sent, delivery_id: 'msg_1', run_id: 'run_1', next_attempt_at: null, delivered_at: null })
        .execute();
    });
    const scope = ['--scope', 'subject', '--value', 'ada'];
    const actions: [string[], string][] = [
      [['runs', 'release', 'run_1'], 'admin.run.release'],
      [['runs', 'cancel', 'run_1'], 'admin.run.cancel'],
      [['providers', 'pause', 'p'], 'admin.provider.pause'],
      [['providers', 'drain', 'p'], 'admin.provider.drain'],
      [['providers', 'resume', 'p'], 'admin.provider.resume'],
      [['limits', 'set', ...scope, '--at-once', '1'], 'admin.limits.set'],
      [['limits', 'clear', ...scope], 'admin.limits.clear'],
      [['storage', 'set', ...scope, '--days', '1'], 'admin.storage.set'],
      [['storage', 'clear', ...scope], 'admin.storage.clear'],
      [['webhooks', 'replay', 'msg_1'], 'webhook.replayed'],
    ];

    for (const [args] of actions) expect(await say(...args)).toMatch(/^0: /);
    for (const looked of ['runs', 'budgets', 'providers', 'limits', 'storage', 'webhooks'])
      await say(looked, 'list');
    await say('ledger', 'verify');

    const lines = (await say('audit', 'export')).slice(3).split('\n');
    const noted = lines
      .map((line) => JSON.parse(line))
      .filter(({ actor }) => String(actor).startsWith('operator'));
    expect(noted.map(({ action }) => action)).toEqual(actions.map(([, action]) => action));
  });

  it('tells what it did as JSON too', async () => {
    await withRun(async () => undefined);

    for (const args of [
      ['runs', 'release', 'run_1'],
      ['runs', 'cancel', 'run_1'],
      ['runs', 'cancel', 'run_2'],
      ['providers', 'pause', 'p'],
      ['providers', 'pause', 'q'],
      ['webhooks', 'replay', 'msg_1'],
      ['storage', 'set', '--scope', 'deployment', '--days', '9'],
    ]) {
      const said = await say(...args, '--json');
      expect(JSON.parse(said.slice(3))).toMatchObject({
        ok: said.startsWith('0'),
        message: expect.any(String),
      });
    }
  });

  it('exports what was spent by anything, as CSV and as JSON', async () => {
    await withRun(async (database) => {
      const nothing = { status: 'failed', at: Date.parse('2031-02-04'), note: '', patch: {} } as const;
      const end = { ...nothing, chargeMicros: 70_000, delivery: () => undefined };
      await endQueuedRun(database, { runId: 'run_1', subject: 'ada' }, end);
    });
    const until = ['--until', '2031-03-01'];

    const csv = await say('usage', 'export', '--by', 'day,subject,client,model,tag:team', ...until);
    const json = await say('usage', 'export', '--by', 'month', '--format', 'json', ...until);

    expect(csv).toBe(
      '0: day,subject,client,model,tag:team,currency,runs,charged,assumed,unknown_cost_runs\n' +
        '2031-02-04,ada,cursor,p/=m,"a,b",USD,1,0.07,0,0',
    );
    expect(json).toContain('{"month":"2031-02","currency":"USD","runs":1,"charged":0.07');
    await expect(say('usage', 'export', '--by', 'moon')).rejects.toThrow(/--by/);
  });

  it('verifies the trail, and exports it for security systems', async () => {
    await withRun(async () => undefined);

    const verified = await say('audit', 'verify');
    const [, known = ''] = /last is (\S+)/.exec(verified) ?? [];
    expect(await say('audit', 'verify', '--known', known)).toMatch(/^0: /);
    expect(await say('audit', 'verify', '--known', `1:${'0'.repeat(64)}`)).toMatch(/^1: Line 1 is another/);
    expect(JSON.parse((await say('audit', 'export', '--format', 'ocsf')).slice(3))).toMatchObject({
      ...{ class_uid: 6_003, activity_id: 1, type_uid: 600_301, category_uid: 6, severity_id: 1 },
      ...{ actor: { user: { uid: 'ada' } }, api: { operation: 'run.started' }, metadata: { sequence: 1 } },
    });
  });

  it('lists every budget with what is spent and held of it', async () => {
    await withRun((database) => {
      const key = { scope: 'deployment', value: '', span: 'day', timeZone: 'UTC', currency: 'USD' } as const;
      return setLimit(database.queries, { ...key, limitMicros: 5_000_000 });
    });

    expect(await say('budgets', 'list')).toBe('0: deployment day: 5 USD, spent 0, held 0.1');
  });
});

it.each([
  [[]],
  [['ledger']],
  [['ledger', 'constructor']],
  [['nothing', 'list']],
  [['runs', 'list', '--nothing']],
  [['runs', 'list', '--status', 'nothing']],
  [['runs', 'list', '--limit', '0']],
  [['runs', 'cancel']],
  [['runs', 'cancel', 'run_1', 'run_2']],
  [['storage', 'set', '--scope', 'subject', '--days', '3']],
  [['storage', 'set', '--scope', 'deployment']],
  [['storage', 'set', '--scope', 'deployment', '--days', '0']],
  [['storage', 'set', '--scope', 'deployment', '--bytes', 'much']],
])('refuses %j and says how it is used', async (args) => {
  await expect(admin(args, env)).rejects.toThrow(/npm run admin/);
  await expect(admin(args, env)).rejects.toBeInstanceOf(ConfigError);
});
