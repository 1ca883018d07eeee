import { randomBytes } from 'node:crypto';
import { type Blobs, createFolderBlobs } from '@inferry/blobs';
import { type Bus, createBus } from '@inferry/bus';
import { Secret } from '@inferry/contracts';
import { openDatabase } from '@inferry/database';
import { ConfigError, type RuntimeConfig } from './config.ts';
import { createLogger } from './logger.ts';
import type { Parts } from './service.ts';

export interface OpenedParts {
  parts: Parts;
  secret: Secret;
  close(): Promise<void>;
}

/** A service's connections to the real NATS, Redis, database and blobs. Throws `ConfigError` naming what is missing. */
export async function openParts(name: string, config: RuntimeConfig): Promise<OpenedParts> {
  const { natsUrl, redisUrl, databaseUrl, blobs, secret } = requireAll(config);
  const replica = newReplicaName(name);
  const log = createLogger({ service: name, replica, level: config.logLevel });
  const database = await openDatabase({
    url: databaseUrl,
    onError: (error) => log.warn({ err: error }, 'database failed'),
  });
  const { connectNats } = await import('@inferry/bus/nats');
  const transport = await connectNats({
    url: natsUrl,
    name: replica,
    onError: (error) => log.warn({ err: error }, 'bus failed'),
  });
  const bus: Bus = createBus(transport, {
    name,
    onInternalError: (error, subject) => log.error({ err: error, subject }, 'call failed'),
  });
  bus.onStatus((isConnected) => log.warn({ isConnected }, 'bus connection changed'));
  const { connectRedisLimits } = await import('@inferry/limits/redis');
  const limits = await connectRedisLimits({ url: redisUrl, keyPrefix: 'inferry' });
  const store = await openBlobs(blobs);
  return {
    parts: { bus, database, limits, blobs: store, log, replica },
    secret: new Secret(secret),
    async close() {
      await bus.close();
      await Promise.allSettled([limits.close(), store.close(), database.close()]);
    },
  };
}

export function newReplicaName(name: string): string {
  return `${name}-${randomBytes(4).toString('hex')}`;
}

async function openBlobs(config: NonNullable<RuntimeConfig['blobs']>): Promise<Blobs> {
  if (config.kind === 'folder') return createFolderBlobs({ folder: config.folder });
  const { createS3Blobs } = await import('@inferry/blobs/s3');
  return createS3Blobs(config);
}

function requireAll(config: RuntimeConfig): {
  natsUrl: string;
  redisUrl: string;
  databaseUrl: string;
  blobs: NonNullable<RuntimeConfig['blobs']>;
  secret: string;
} {
  const { natsUrl, redisUrl, databaseUrl, blobs, secret } = config;
  if (natsUrl && redisUrl && databaseUrl && blobs && secret)
    return { natsUrl, redisUrl, databaseUrl, blobs, secret };
  const missing = Object.entries({
    NATS_URL: natsUrl,
    REDIS_URL: redisUrl,
    DATABASE_URL: databaseUrl,
    'BLOBS_FOLDER or S3_BUCKET': blobs,
    INFERRY_SECRET: secret,
  }).filter(([, value]) => !value);
  throw new ConfigError(
    missing.map(([variable]) => `${variable}: must be set for a service that runs alone`),
  );
}
