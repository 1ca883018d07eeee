/** This release beside the one before it: what each says is read by the other, and what the other stored and asks for still works. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@inferry/database';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { everyMessage, examplesOf } from './releases/messages.ts';
import { fill, migrationsOf, readRelease, tryAll } from './releases/statements.ts';

const before = readRelease('0.2.0');
const now = everyMessage();
const folder = mkdtempSync(join(tmpdir(), 'inferry-release-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a message', () => {
  it.each(Object.keys(before.messages))('%s of the release before is read', (name) => {
    const message = now.get(name);

    expect(message, 'replicas of the release before still send it').toBeDefined();
    const problems = before.messages[name]?.examples.flatMap((example) => {
      const { error } = message?.safeParse(example) ?? {};
      return error === undefined ? [] : [{ example, issues: error.issues }];
    });
    expect(problems).toEqual([]);
  });

  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const both = [...now].filter(([name]) => Object.hasOwn(before.messages, name));
  it.each(both)('%s of this release is read by the one before', (name, message) => {
    const reads = ajv.compile(before.messages[name]?.schema ?? {});

    const refused = examplesOf(message, 12).filter((example) => !reads(example));

    expect(refused).toEqual([]);
  });
});

describe('the database of the release before', () => {
  const extra = {
    id: '9999_next',
    up: () => ["alter table runs add column novelty text not null default ''"],
  };
  const breaking = {
    id: '9999_next',
    up: () => [
      'alter table runs rename column idempotency_key to call_key',
      'alter table revocations add column who text',
    ],
  };

  async function openFilled(name: string) {
    const url = `sqlite:${join(folder, name)}`;
    const old = openDatabase({ url, migrations: migrationsOf(before) });
    await old.migrate();
    await fill(old, before.statements.sqlite);
    const worked = await tryAll(old, before.statements.sqlite);
    await old.close();
    return { url, worked };
  }

  it('takes the changes of this one with rows in it, and its statements still work', async () => {
    const { url, worked } = await openFilled('kept.db');
    const database = openDatabase({ url });

    await database.migrate();
    const works = await tryAll(database, before.statements.sqlite);

    expect([...works].filter(([sql, why]) => worked.get(sql) !== why)).toEqual([]);
    expect(before.statements.sqlite.length).toBeGreaterThan(100);
    await database.close();
  });

  it('tells a change that only adds from one that old statements do not live with', async () => {
    const { url, worked } = await openFilled('broken.db');
    const adding = openDatabase({ url, migrations: [...migrationsOf(before), extra] });
    await adding.migrate();
    const added = await tryAll(adding, before.statements.sqlite);
    await adding.close();
    const other = await openFilled('other.db');
    const renaming = openDatabase({ url: other.url, migrations: [...migrationsOf(before), breaking] });
    await renaming.migrate();
    const renamed = await tryAll(renaming, before.statements.sqlite);
    await renaming.close();

    expect([...added].filter(([sql, why]) => worked.get(sql) !== why)).toEqual([]);
    expect([...renamed].filter(([sql, why]) => other.worked.get(sql) !== why).length).toBeGreaterThan(5);
  });
});
