import { ensureServers } from '@inferry/testing';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    natsUrl: string;
    redisUrl: string;
    databaseUrl: string;
  }
}

/** Vitest's global set-up of the project `integration`: one NATS, one Redis, one Postgres for all of its files. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await ensureServers();
  project.provide('natsUrl', servers.natsUrl);
  project.provide('redisUrl', servers.redisUrl);
  project.provide('databaseUrl', servers.databaseUrl);
  return servers.stop;
}
