import { createBus } from '@inferry/bus';
import { serveAsVictim } from '@inferry/bus/contract-suite/victim';
import { connectNats } from '@inferry/bus/nats';

// A process of its own, so that a test can kill a responder as a crash does. Arguments: NATS URL, heartbeat.
const [, , url = '', heartbeatMs = ''] = process.argv;
const transport = await connectNats({ url, name: 'victim' });
serveAsVictim(createBus(transport, { name: 'suite', timings: { heartbeatMs: Number(heartbeatMs) } }));
await transport.flush();
process.stdout.write('ready\n');
