// The second process of our gateway: trivial handlers of real contracts over the real bus, and the verdict on keys.
import { createBus } from '@inferry/bus';
import { connectNats } from '@inferry/bus/nats';
import { readSecrets } from '@inferry/runtime';
import { announce } from './listening.ts';
import { serveBench } from './serve-bench.ts';

const transport = await connectNats({ url: process.env.NATS_URL ?? '', name: 'bench' });
const bus = createBus(transport, {
  name: 'bench',
  // The gateway signs whom its calls are made for, as in any deployment.
  statements: readSecrets('bench', process.env).statements,
  onInternalError: (error, subject) => process.stderr.write(`${subject} ${String(error)}\n`),
});
serveBench(bus);
await transport.flush();
announce(0);
