import type { Bus } from '@inferry/bus';
import { AppError, jwksChanged } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  addSigningKey,
  deleteSigningKeys,
  listSigningKeys,
  type OAuthSigningKeyRow,
  removeSigningKey,
} from '@inferry/database/oauth';
import type { JWK } from 'jose';
import type { KeySealer } from './key-sealer.ts';
import { newSigningKey, openSigningKey, type SigningKey } from './signing-key.ts';

/** How long verifiers may keep the published keys, in seconds: `max-age` of the JWKS. */
export const jwksMaxAgeSeconds = 300;
/** A new key is published this long before anything is signed with it: every cache has seen it by then. */
const announceMs = 2 * jwksMaxAgeSeconds * 1_000;
const skewMs = 60_000;

export interface KeyRing {
  /** The private keys, the one to sign with first. A new array exactly when it would differ. */
  keys(): readonly SigningKey[];
  /** What verifiers are told: keys in use, announced ones and those whose tokens may still live. */
  jwks(): JWK[];
  /** Reads the table again. */
  reload(): Promise<void>;
  /** Makes, announces and drops keys as far as it is time. Any replica may, at any time. */
  rotate(): Promise<void>;
  /** Takes a leaked key out now: what it signed is refused as soon as verifiers hear of it. */
  remove(kid: string): Promise<void>;
}

export interface KeyRingDeps {
  database: Database;
  sealer: KeySealer;
  bus: Pick<Bus, 'publish'>;
  accessTokenSeconds: number;
  keyRotationDays: number;
  now(): number;
}

/**
 * The signing keys. When each is announced, in use and dropped follows from its times alone, so that replicas agree
 * without talking: announced when made, in use when `active_from` is past and no younger one is, dropped when the last
 * token that it can have signed is over.
 */
export async function openKeyRing(deps: KeyRingDeps): Promise<KeyRing> {
  const { database, sealer, bus, now } = deps;
  let loaded: SigningKey[] = [];
  let ordered: readonly SigningKey[] = [];
  let readings = 0;
  let shown = 0;

  async function reload(): Promise<void> {
    readings += 1;
    const reading = readings;
    const rows = (await listSigningKeys(database.queries)).filter((row) => row.removed_at === null);
    const known = new Map(loaded.map((key) => [key.kid, key]));
    const opened = await Promise.all(rows.map((row) => known.get(row.kid) ?? openSigningKey(sealer, row)));
    // One that took longer than a younger one may still hold a key that was taken out.
    if (reading < shown) return;
    shown = reading;
    loaded = opened;
  }

  async function add(generation: number, activeFrom: number): Promise<void> {
    const row = await newSigningKey(sealer, { generation, createdAt: now(), activeFrom });
    if (await addSigningKey(database.queries, row)) bus.publish(jwksChanged, {});
  }

  async function rotate(): Promise<void> {
    const rows = await listSigningKeys(database.queries);
    const newest = rows.at(-1);
    const live = rows.filter((row) => row.removed_at === null);
    // The first key ever, or the first after an emergency: nothing can be announced, tokens are needed now.
    if (live.every((row) => row.active_from > now())) await add((newest?.generation ?? 0) + 1, now());
    else if (newest !== undefined && isDue(newest, deps))
      await add(newest.generation + 1, now() + announceMs);
    const spent = droppable(rows, deps);
    await deleteSigningKeys(database.queries, spent);
    if (spent.length > 0) bus.publish(jwksChanged, {});
    await reload();
  }

  await rotate();
  return {
    keys() {
      const next = inOrder(loaded, now());
      if (!isSame(next, ordered)) ordered = next;
      return ordered;
    },
    jwks: () => loaded.map(({ publicJwk }) => publicJwk),
    reload,
    rotate,
    async remove(kid) {
      if (!(await removeSigningKey(database.queries, { kid, at: now() })))
        throw new AppError('not_found', 'There is no signing key with this id.');
      await rotate();
      bus.publish(jwksChanged, {});
    },
  };
}

function inOrder(keys: readonly SigningKey[], now: number): SigningKey[] {
  const active = keys.filter(({ activeFrom }) => activeFrom <= now).toSorted(byAge);
  return [...active, ...keys.filter(({ activeFrom }) => activeFrom > now)];
}

function byAge(a: SigningKey, b: SigningKey): number {
  return b.generation - a.generation;
}

function isSame(a: readonly SigningKey[], b: readonly SigningKey[]): boolean {
  return a.length === b.length && a.every((key, index) => key.kid === b[index]?.kid);
}

function isDue(newest: OAuthSigningKeyRow, { now, keyRotationDays }: KeyRingDeps): boolean {
  return newest.active_from <= now() && now() - newest.active_from >= keyRotationDays * 86_400_000;
}

/** Generations whose last token is over: the next one is in use for longer than a token lives. */
function droppable(rows: readonly OAuthSigningKeyRow[], deps: KeyRingDeps): number[] {
  const lastMs = deps.accessTokenSeconds * 1_000 + skewMs;
  const isOver = (row: OAuthSigningKeyRow): boolean =>
    rows.some(
      (other) =>
        other.generation > row.generation &&
        other.removed_at === null &&
        other.active_from + lastMs <= deps.now(),
    );
  return rows.filter(isOver).map(({ generation }) => generation);
}
