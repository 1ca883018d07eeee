import { type Bus, createBus, createInProcessTransport, type Transport } from '@inferry/bus';
import {
  type AnyOperation,
  type JsonObject,
  localPrincipal,
  type PreparedRun,
  type Principal,
  prepareRun,
  type ToolResult,
} from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { canonicalTool } from '@inferry/profiles';
import type { Provider } from '@inferry/providers';
import { createLogger, type Service } from '@inferry/runtime';
import { type CatalogOptions, createCatalogService } from '../service.ts';

/** One deployment's outside world, shared by the replicas that a test starts. */
export interface CatalogWorld {
  transport: Transport;
  database: Database;
  limits: Limits;
  /** A connection of another service. */
  busOf(name: string): Bus;
  startReplica(providers: readonly Provider[], options?: Partial<CatalogOptions>): Promise<CatalogReplica>;
  close(): Promise<void>;
}

export interface CatalogReplica {
  service: Service;
  bus: Bus;
  /** Calls a tool as a client does; rejects only when the call itself could not be made. */
  tool(operation: AnyOperation, args: JsonObject, principal?: Principal): Promise<ToolResult>;
  prepare(model: string, input: JsonObject, principal?: Principal): Promise<PreparedRun>;
}

/** Whoever calls can use everything: what a caller has keys for is not what these tests are about. */
const openToAll: CatalogOptions['access'] = {
  of: async () => ({ stateOf: () => 'open', mayUseDeployment: true }),
};

export async function openCatalogWorld(databaseUrl = 'sqlite::memory:'): Promise<CatalogWorld> {
  const transport = createInProcessTransport();
  const database = openDatabase({ url: databaseUrl });
  await database.migrate();
  const limits = createInProcessLimits();
  const log = createLogger({ service: 'catalog', replica: 'test', level: 'silent' });
  const replicas: CatalogReplica[] = [];
  const buses: Bus[] = [];
  function busOf(name: string): Bus {
    const bus = createBus(transport, { name });
    buses.push(bus);
    return bus;
  }
  return {
    transport,
    database,
    limits,
    busOf,
    async startReplica(providers, options = {}) {
      const bus = busOf('catalog');
      const service = await createCatalogService(
        { bus, database, limits, log },
        { providers, access: openToAll, ...options },
      );
      const replica: CatalogReplica = {
        service,
        bus,
        // as: the bus gives the JSON text of a ToolResult.
        tool: async (operation, args, principal = localPrincipal) =>
          JSON.parse(await bus.callTool(canonicalTool(operation), args, { principal })) as ToolResult,
        prepare: (model, input, principal = localPrincipal) =>
          bus.call(prepareRun, { model, input }, { principal }),
      };
      replicas.push(replica);
      return replica;
    },
    async close() {
      await Promise.all(replicas.map(({ service }) => service.close()));
      await Promise.all(buses.map((bus) => bus.close()));
      await transport.close();
      await limits.close();
      await database.close();
    },
  };
}
