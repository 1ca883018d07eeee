import { type Bus, createBus, createInProcessTransport, type Handler } from '@inferry/bus';
import { localPrincipal, type Principal, type RpcContract } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { createInProcessLimits } from '@inferry/limits';
import type { Parts, Service } from '@inferry/runtime';
import { type AuthOptions, createAuthService } from '../service.ts';

export interface AuthUnderTest {
  /** The side of whoever asks. */
  bus: Bus;
  database: Database;
  limits: Parts['limits'];
  service: Service;
  warnings: unknown[];
  clock: { now: number };
  /** Puts another service's answer on the bus. */
  answer<C extends RpcContract>(contract: C, handler: Handler<C>): void;
  close(): Promise<void>;
}

/** The service on an in-process bus and a database in memory, with a clock of its own. */
export async function openAuth(options: AuthOptions = {}): Promise<AuthUnderTest> {
  const transport = createInProcessTransport();
  const serving = createBus(transport, { name: 'auth' });
  const bus = createBus(transport, { name: 'others' });
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const clock = { now: Date.parse('2026-11-21T12:00:00Z') };
  const limits = createInProcessLimits({ now: () => clock.now });
  const warnings: unknown[] = [];
  // as: the service logs warnings only, and this takes them.
  const log = { warn: (fields: unknown) => warnings.push(fields) } as unknown as Parts['log'];
  const service = await createAuthService(
    { bus: serving, database, limits, log },
    { now: () => clock.now, ...options },
  );
  return {
    bus,
    database,
    limits,
    service,
    warnings,
    clock,
    answer: (contract, handler) => bus.serve(contract, handler),
    async close() {
      await service.close();
      await bus.close();
      await serving.close();
      await database.close();
    },
  };
}

export const ada: Principal = {
  subject: 'ada',
  grant_id: 'key_ada',
  kind: 'api_key',
  client: 'laptop',
  scopes: ['mcp'],
};

export const gateway: Principal = { ...localPrincipal, subject: 'gateway' };
