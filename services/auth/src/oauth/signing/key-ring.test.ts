import { createBus, createInProcessTransport } from '@inferry/bus';
import { jwksChanged, Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeyRing, openKeyRing } from './key-ring.ts';
import { createLocalSealer, type KeySealer } from './key-sealer.ts';

const day = 86_400_000;
const rotationDays = 90;
const sealer = createLocalSealer(new Secret('s'.repeat(43)));
const clock = { now: 0 };
let database: Database;
let bus: ReturnType<typeof createBus>;
let announced: number;

beforeEach(async () => {
  clock.now = Date.parse('2026-11-21T12:00:00Z');
  database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  bus = createBus(createInProcessTransport(), { name: 'auth' });
  announced = 0;
  bus.on(jwksChanged, () => {
    announced += 1;
  });
});
afterEach(async () => {
  await bus.close();
  await database.close();
});

function open(withSealer: KeySealer = sealer): Promise<KeyRing> {
  return openKeyRing({
    ...{ database, sealer: withSealer, bus, now: () => clock.now },
    ...{ accessTokenSeconds: 900, keyRotationDays: rotationDays },
  });
}

const front = (ring: KeyRing): string | undefined => ring.keys()[0]?.kid;
const published = (ring: KeyRing): (string | undefined)[] => ring.jwks().map(({ kid }) => kid);

describe('the signing keys', () => {
  it('begin with one that replicas which start together share', async () => {
    const rings = await Promise.all([open(), open(), open()]);
    await Promise.all(rings.map((ring) => ring.reload()));

    expect(new Set(rings.map(front)).size).toBe(1);
    expect(published(rings[0] as KeyRing)).toHaveLength(1);
  });

  it('are sealed: the table has no private half that opens without the secret', async () => {
    await open();

    const rows = await database.queries.selectFrom('oauth_signing_keys').selectAll().execute();
    const other = createLocalSealer(new Secret('o'.repeat(43)));

    expect(JSON.stringify(rows)).not.toContain('"d":');
    await expect(
      other.open(rows[0]?.sealed ?? '', `v1|oauth-signing-key|kid=${rows[0]?.kid}`),
    ).rejects.toThrow();
    await expect(sealer.open(rows[0]?.sealed ?? '', 'v1|oauth-signing-key|kid=another')).rejects.toThrow();
  });

  it('take turns: announced first, in front when every cache has seen it, the old one gone when its tokens are', async () => {
    const [ring, other] = [await open(), await open()];
    const first = front(ring);

    clock.now += rotationDays * day;
    await ring.rotate();
    await other.reload();
    const second = published(ring).find((kid) => kid !== first);
    expect([front(ring), front(other)]).toEqual([first, first]);
    expect(published(other)).toEqual([first, second]);

    clock.now += 599_000;
    expect([front(ring), front(other)]).toEqual([first, first]);

    clock.now += 2_000;
    expect([front(ring), front(other)]).toEqual([second, second]);
    await ring.rotate();
    expect(published(ring)).toEqual([first, second]);

    clock.now += 900_000 + 60_000;
    await other.rotate();
    await ring.reload();
    expect([published(ring), published(other)]).toEqual([[second], [second]]);
  });

  it('are announced once by replicas that rotate at once', async () => {
    const rings = [await open(), await open()];
    clock.now += rotationDays * day;

    await Promise.all(rings.map((ring) => ring.rotate()));

    expect(published(rings[0] as KeyRing)).toHaveLength(2);
    await expect.poll(() => announced).toBe(2);
  });

  it('are left alone before it is time', async () => {
    const ring = await open();
    clock.now += (rotationDays - 1) * day;

    await ring.rotate();

    expect(published(ring)).toHaveLength(1);
  });

  it('lose one at once in an emergency, and sign with a new one at once', async () => {
    const [ring, other] = [await open(), await open()];
    const leaked = front(ring) ?? '';

    await ring.remove(leaked);
    await other.reload();

    expect(front(ring)).not.toBe(leaked);
    expect(front(other)).toBe(front(ring));
    expect(published(other)).not.toContain(leaked);
    await expect.poll(() => announced).toBeGreaterThanOrEqual(2);
    const rows = await database.queries
      .selectFrom('oauth_signing_keys')
      .selectAll()
      .where('kid', '=', leaked)
      .execute();
    expect(rows.every(({ sealed }) => sealed === '')).toBe(true);
  });

  it('do not come back by a reading that began before one was taken out', async () => {
    const opening: (() => void)[] = [];
    let isSlow = false;
    const ring = await open({
      ...sealer,
      async open(...args) {
        if (isSlow) await new Promise<void>((resolve) => opening.push(resolve));
        return sealer.open(...args);
      },
    });
    const other = await open();
    const leaked = front(ring) ?? '';
    clock.now += rotationDays * day;
    await other.rotate();
    isSlow = true;

    const before = ring.reload();
    await expect.poll(() => opening.length).toBe(1);
    await other.remove(leaked);
    isSlow = false;
    await ring.reload();
    opening[0]?.();
    await before;

    expect(published(ring)).not.toContain(leaked);
    expect(front(ring)).toBe(front(other));
  });

  it('that are not there cannot be removed', async () => {
    const ring = await open();

    await expect(ring.remove('nobody')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are the same array as long as they are the same keys', async () => {
    const ring = await open();
    const before = ring.keys();

    await ring.reload();

    expect(ring.keys()).toBe(before);
  });
});
