import type { LocalServer } from './local-server.ts';
import { startNats } from './nats.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

export interface Servers {
  natsUrl: string;
  redisUrl: string;
  databaseUrl: string;
  stop(): Promise<void>;
}

/**
 * NATS, Redis and Postgres for one run of the tests: from `NATS_URL`, `REDIS_URL` and `DATABASE_URL` where given,
 * else from programs of this machine, which are installed from the system's packages where that is possible.
 * Containers are left to the tests that are about containers: a local process starts in a tenth of the time, can
 * be killed, stopped and restarted on the same port, and needs no image.
 */
export async function ensureServers(): Promise<Servers> {
  const started: LocalServer[] = [];
  const place = async (variable: string, start: () => Promise<LocalServer>): Promise<string> => {
    const given = process.env[variable];
    if (given !== undefined && given !== '') return given;
    const server = await start();
    started.push(server);
    return server.url;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    // One after the other: two installations of packages would only wait for each other.
    const natsUrl = await place('NATS_URL', startNats);
    const redisUrl = await place('REDIS_URL', startRedis);
    const databaseUrl = await place('DATABASE_URL', startPostgres);
    return { natsUrl, redisUrl, databaseUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
