import { getRun, InputRequired, localPrincipal } from '@inferry/contracts';
import { canonicalTool } from '@inferry/profiles';
import { afterEach, expect, test } from 'vitest';
import type { Bus, ClientSide, HandlerContext, LogEntry } from './bus.ts';
import { createBus } from './create-bus.ts';
import { createInProcessTransport } from './in-process-transport.ts';

const open: Bus[] = [];
afterEach(() => Promise.all(open.splice(0).map((bus) => bus.close())));

/** `get_run`, answered by `handler`, called as the gateway does. */
function startWith(handler: (context: HandlerContext) => Promise<object>): Bus {
  const transport = createInProcessTransport();
  const [caller, service] = [createBus(transport, { name: 'a' }), createBus(transport, { name: 'b' })];
  open.push(caller, service);
  service.serve(getRun, (_input, context) => handler(context));
  return caller;
}

const request = { method: 'elicitation/create', params: { message: 'Grüße?' } } as const;

test('a handler that needs input of the client ends the call with what it needs', async () => {
  const caller = startWith(() => {
    throw new InputRequired({ confirm: request }, 'where I was');
  });

  const call = caller.callTool(canonicalTool(getRun), {}, { principal: localPrincipal });

  await expect(call).rejects.toMatchObject({
    name: 'InputRequired',
    needed: { inputRequests: { confirm: request }, state: 'where I was' },
  });
});

test('a handler is told what the client can do and what it answered, in any script', async () => {
  const seen: (ClientSide | undefined)[] = [];
  const caller = startWith(async ({ client }) => {
    seen.push(client);
    return {};
  });
  const client = { capabilities: { elicitation: {} }, responses: { name: 'Çelik 🙂' }, state: 's' };

  await caller.callTool(canonicalTool(getRun), {}, { principal: localPrincipal, client });

  expect(seen).toEqual([client]);
});

test('what a handler logs reaches the caller before the result', async () => {
  const lines: LogEntry[] = [];
  const caller = startWith(async ({ log }) => {
    log?.({ level: 'info', message: 'half way' });
    return {};
  });

  await caller.callTool(
    canonicalTool(getRun),
    {},
    { principal: localPrincipal, onLog: (entry) => lines.push(entry) },
  );

  expect(lines).toEqual([{ level: 'info', message: 'half way' }]);
});
