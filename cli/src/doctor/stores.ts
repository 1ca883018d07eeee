/** The stores that the configuration names: database and its schema, bus, Redis. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, openDatabase } from '@inferry/database';
import { type RuntimeConfig, withDeadline } from '@inferry/runtime';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const patienceMs = 5_000;

export async function checkDatabase(config: RuntimeConfig & { home: string }): Promise<Finding[]> {
  const file = join(config.home, 'inferry.db');
  if (config.databaseUrl === undefined && !existsSync(file)) {
    return [ok('database', 'a file of its own is made at the first start')];
  }
  const url = config.databaseUrl ?? `sqlite:${file}`;
  const what = config.databaseUrl === undefined ? file : 'DATABASE_URL';
  let database: Database | undefined;
  try {
    database = openDatabase({ url });
    await within(database.ping());
    const { isEmpty, missing } = await within(database.schemaState());
    if (isEmpty) return [ok('database', `${what} answers and is empty: a start brings it up to date`)];
    if (missing.length === 0)
      return [ok('database', `${what} answers, of this release or one that it can live with`)];
    return [
      warning(
        'database',
        `${what} is of an older release (it lacks ${missing.join(', ')})`,
        'Run npm run migrate, or start the services of this release.',
      ),
    ];
  } catch (error) {
    return [fault('database', `${what}: ${reasonOf(error)}`, 'Start it, or change DATABASE_URL.')];
  } finally {
    await database?.close().catch(() => undefined);
  }
}

export async function checkBus({ natsUrl }: RuntimeConfig): Promise<Finding> {
  if (natsUrl === undefined) return ok('bus', 'in this process: NATS_URL is not set');
  try {
    const { connectNats } = await import('@inferry/bus/nats');
    const transport = await within(connectNats({ url: natsUrl, name: 'doctor' }));
    await transport.close();
    return ok('bus', 'NATS answers');
  } catch (error) {
    return fault(
      'bus',
      `NATS_URL: ${reasonOf(error)}`,
      'Start NATS, or change NATS_URL and its user and password.',
    );
  }
}

export async function checkRedis({ redisUrl }: RuntimeConfig): Promise<Finding> {
  if (redisUrl === undefined) return ok('Redis', 'in this process: REDIS_URL is not set');
  try {
    const { connectRedisLimits } = await import('@inferry/limits/redis');
    const limits = await within(connectRedisLimits({ url: redisUrl, keyPrefix: 'inferry' }));
    await limits.close();
    return ok('Redis', 'answers');
  } catch (error) {
    return fault(
      'Redis',
      `REDIS_URL: ${reasonOf(error)}`,
      'Start Redis, or change REDIS_URL and its password.',
    );
  }
}

/** A store that takes longer is away for whoever waits. */
function within<T>(work: Promise<T>): Promise<T> {
  return withDeadline(work, patienceMs, `no answer within ${patienceMs / 1_000} s`);
}
