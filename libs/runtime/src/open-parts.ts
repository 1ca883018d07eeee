/** A service's connections to the real NATS, Redis, database and blobs; a store that is away is waited for. */
import { randomBytes } from 'node:crypto';
import { type Blobs, createFolderBlobs } from '@inferry/blobs';
import { createBus } from '@inferry/bus';
import { AppError, ConfigError } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import type { Logger } from 'pino';
import type { RuntimeConfig } from './config.ts';
import type { ServiceSecrets } from './secrets.ts';
import type { Parts } from './service.ts';
import { SharedClock } from './shared-clock.ts';
import { StoreRefusal, waitForStore } from './wait-for-store.ts';

/** Which of the stores a service uses beside the bus: it is given the addresses of no others. */
export interface ServiceNeeds {
  database: boolean;
  blobs: boolean;
}

export interface OpenedParts {
  parts: Parts;
  close(): Promise<void>;
}

interface OpenPartsOptions {
  name: string;
  config: RuntimeConfig;
  secrets: ServiceSecrets;
  needs: ServiceNeeds;
  log: Logger;
  replica: string;
  /** Store to what is wrong with it, while it is waited for. */
  problems: Record<string, string>;
  signal: AbortSignal;
}

/** The addresses that a service needs; throws `ConfigError` naming each that is missing. */
export function requireStores(config: RuntimeConfig, needs: ServiceNeeds): void {
  const missing = Object.entries({
    NATS_URL: config.natsUrl,
    REDIS_URL: config.redisUrl,
    ...(needs.database ? { DATABASE_URL: config.databaseUrl } : {}),
    ...(needs.blobs ? { 'BLOBS_FOLDER or S3_BUCKET': config.blobs } : {}),
  }).filter(([, value]) => !value);
  if (missing.length === 0) return;
  throw new ConfigError(
    missing.map(([variable]) => `${variable}: must be set for a service that runs alone`),
  );
}

/**
 * Opens them one after the other, each as soon as its store answers, and migrates the database. Rejects with
 * `ConfigError` when a store refuses the credentials: waiting mends nothing there.
 */
export async function openParts(options: OpenPartsOptions): Promise<OpenedParts> {
  const { name, config, secrets, needs, log, replica, signal } = options;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne().catch(() => undefined);
  };
  const wait = <T>(store: string, open: () => Promise<T>) =>
    waitForStore(store, open, { ...options, signal });
  try {
    const database = openDatabase({
      url: needs.database ? (config.databaseUrl ?? '') : 'sqlite::memory:',
      maxConnections: config.databasePool,
      onError: (error) => log.warn({ err: error }, 'database failed'),
    });
    closers.push(() => database.close());
    if (needs.database) {
      await wait('database', async () => {
        // Before anything is written: what the server says is told as it is.
        await database.ping();
        await database.migrate();
      });
    }
    const { connectNats } = await import('@inferry/bus/nats');
    const transport = await wait('bus', () =>
      connectNats({
        url: config.natsUrl ?? '',
        name: replica,
        service: name,
        onError: (error) => log.warn({ err: error }, 'bus failed'),
      }),
    );
    const bus = createBus(transport, {
      name,
      statements: secrets.statements,
      onInternalError: (error, subject) => log.error({ err: error, subject }, 'call failed'),
    });
    closers.push(() => bus.close());
    bus.onStatus((isConnected) => log.warn({ isConnected }, 'bus connection changed'));
    const { connectRedisLimits } = await import('@inferry/limits/redis');
    const limits = await wait('limits', () =>
      connectRedisLimits({ url: config.redisUrl ?? '', keyPrefix: 'inferry' }),
    );
    closers.push(() => limits.close());
    const clock = new SharedClock({ readTime: () => limits.time(), log });
    closers.push(async () => clock.close());
    await clock.start();
    const now = () => clock.now();
    secrets.statements.goBy(now);
    const blobs = needs.blobs ? await wait('blobs', () => openBlobs(config.blobs)) : noBlobs;
    closers.push(() => blobs.close());
    return { parts: { bus, database, limits, blobs, log, replica, now }, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export function newReplicaName(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

async function openBlobs(config: RuntimeConfig['blobs']): Promise<Blobs> {
  if (config === undefined) return noBlobs;
  if (config.kind === 's3') {
    const { createS3Blobs } = await import('@inferry/blobs/s3');
    return createS3Blobs(config);
  }
  try {
    return await createFolderBlobs({ folder: config.folder });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === undefined) throw error;
    throw new StoreRefusal(`BLOBS_FOLDER: ${config.folder} cannot be written to (${code})`);
  }
}

/** Of a service that stores no files. */
const noBlobs: Blobs = refuseEverything();

function refuseEverything(): Blobs {
  const refuse = async () => {
    throw new AppError('internal', 'This service stores no files.');
  };
  // as: every method of it refuses, whatever it is asked, but for closing.
  return new Proxy(
    {},
    { get: (_target, name) => (name === 'close' ? async () => undefined : refuse) },
  ) as Blobs;
}
