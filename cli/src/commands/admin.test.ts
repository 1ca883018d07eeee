import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

it.each([[[]], [['ledger']], [['ledger', 'constructor']], [['nothing', 'list']]])(
  'refuses %j and says how it is used',
  async (args) => {
    await expect(admin(args, env)).rejects.toThrow(/npm run admin/);
  },
);
