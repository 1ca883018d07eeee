/** Machines, endpoints and stores at platforms: this service keeps nothing, and any of its replicas answers any call. */
import {
  actOnInfra,
  callInfra,
  createInfra,
  deleteInfra,
  describeInfra,
  getInfra,
  listInfra,
  readInfraLogs,
  updateInfra,
} from '@inferry/contracts';
import { createAccessClient, createCredentialClient } from '@inferry/credentials';
import type { ControlPlane } from '@inferry/providers';
import type { Parts, Service } from '@inferry/runtime';
import { ControlPlanes } from './control-planes.ts';
import { StopTimers } from './stop-timers.ts';
import { handleCallInfra } from './tools/call-infra.ts';
import { handleCreateInfra } from './tools/create-infra.ts';
import {
  handleActOnInfra,
  handleDeleteInfra,
  handleDescribeInfra,
  handleGetInfra,
  handleListInfra,
  handleReadInfraLogs,
  handleUpdateInfra,
} from './tools/infra.ts';

export interface ComputeOptions {
  planes: readonly ControlPlane[];
  /** How often machines are looked for whose time is over. Default a minute. */
  sweepMs?: number | undefined;
}

export function createComputeService(
  { bus, limits, log, now = Date.now }: Pick<Parts, 'bus' | 'limits' | 'log' | 'now'>,
  { planes: opened, sweepMs = 60_000 }: ComputeOptions,
): Service {
  const keys = createCredentialClient(bus);
  const access = createAccessClient(bus, { providers: [] });
  const planes = new ControlPlanes({ planes: opened, keys, access });
  const stops = new StopTimers({ planes, limits, log, now, sweepMs });
  const deps = { planes, bus, limits, stops, now };

  bus.serve(callInfra, handleCallInfra(deps));
  bus.serve(describeInfra, handleDescribeInfra(deps));
  bus.serve(listInfra, handleListInfra(deps));
  bus.serve(getInfra, handleGetInfra(deps));
  bus.serve(createInfra, handleCreateInfra(deps));
  bus.serve(updateInfra, handleUpdateInfra(deps));
  bus.serve(actOnInfra, handleActOnInfra(deps));
  bus.serve(deleteInfra, handleDeleteInfra(deps));
  bus.serve(readInfraLogs, handleReadInfraLogs(deps));

  return {
    name: 'compute',
    // Nothing of its own could be away: keys and platforms are asked for when they are needed.
    readiness: async () =>
      bus.problem === undefined
        ? { isReady: true, problems: {} }
        : { isReady: false, problems: { bus: bus.problem } },
    drain: async () => undefined,
    async close() {
      await stops.close();
      keys.close();
      access.close();
      await Promise.all(opened.map((plane) => plane.close()));
    },
  };
}
