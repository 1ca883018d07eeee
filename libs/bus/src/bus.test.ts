import { describeBus, suiteTimings } from './contract-suite.ts';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';
import type { Transport, TransportSubscription } from './transport.ts';
import { serveAsVictim } from './victim.ts';

const medium = createInProcessTransport();

describeBus('in-process transport', {
  connect: async () => branchOf(medium),
  async startVictim() {
    const transport = branchOf(medium);
    serveAsVictim(createBus(transport, { name: 'suite', timings: suiteTimings }));
    return { kill: () => transport.close() };
  },
});

/** A part of one medium that closes alone; closing it is as sudden as the end of a process. */
function branchOf(trunk: Transport): Transport {
  const subscriptions: TransportSubscription[] = [];
  let isConnected = true;
  return {
    get isConnected() {
      return isConnected;
    },
    maxPayloadBytes: trunk.maxPayloadBytes,
    publish: (message) => trunk.publish(message),
    subscribe(subject, listener, queue) {
      const subscription = trunk.subscribe(subject, listener, queue);
      subscriptions.push(subscription);
      return subscription;
    },
    onStatus: () => undefined,
    flush: () => trunk.flush(),
    async close() {
      isConnected = false;
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}
