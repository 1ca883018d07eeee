import { type Bus, createBus } from '@inferry/bus';

/** What commands announce must be possible while the bus is away: the services then learn of it by reading. */
export async function openCommandBus(natsUrl: string | undefined, name: string): Promise<Bus | undefined> {
  if (natsUrl === undefined) return undefined;
  const { connectNats } = await import('@inferry/bus/nats');
  const transport = await connectNats({ url: natsUrl, name }).catch(() => undefined);
  return transport === undefined ? undefined : createBus(transport, { name: 'cli' });
}
