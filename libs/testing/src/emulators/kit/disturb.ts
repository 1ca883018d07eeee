import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import type { Answer, CalledRoute } from './definition.ts';
import { type Emulator, foreignOrigin } from './emulator.ts';

/** What the scenario does to a call before it is taken: an answer instead of the platform's own, or `gone`. */
export async function disturbBefore(
  emulator: Emulator,
  route: CalledRoute,
  { reply, key }: { reply: FastifyReply; key: string | undefined },
): Promise<Answer | 'gone' | undefined> {
  const { scenario } = emulator;
  if (!hits(emulator, route)) return undefined;
  const before = emulator.countDisturbed();
  if (scenario.delayMs !== undefined) await sleep(scenario.delayMs);
  if (scenario.dropBeforeAccept === true) return hangUp(reply);
  if (scenario.silent === true) {
    reply.hijack();
    return 'gone';
  }
  if (scenario.refuse !== undefined) return emulator.failure(scenario.refuse, 'refused');
  if (before < (scenario.rate429 ?? 0)) {
    const answer = emulator.failure('rate_limited', 'slow down');
    const { retryAfterSeconds: seconds } = scenario;
    return seconds === undefined
      ? answer
      : { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
  }
  if (scenario.failFirst !== undefined && before < scenario.failFirst.times) {
    return { ...emulator.failure('server_error', 'try later'), status: scenario.failFirst.status ?? 503 };
  }
  return hostile(emulator, { reply, key });
}

/** After it was taken: whether the reply is lost on its way. */
export function isReplyLost(emulator: Emulator, route: CalledRoute, reply: FastifyReply): boolean {
  if (!hits(emulator, route) || emulator.scenario.dropReplyAfterAccept !== true) return false;
  hangUp(reply);
  return true;
}

function hits({ scenario }: Emulator, { kind }: CalledRoute): boolean {
  return (scenario.on ?? ['submit']).includes(kind);
}

function hostile(
  emulator: Emulator,
  { reply, key }: { reply: FastifyReply; key: string | undefined },
): Answer | 'gone' | undefined {
  switch (emulator.scenario.hostile) {
    case 'types':
      return { status: 200, body: { id: 17, status: ['?'], data: 'none', output: 3, models: { a: 1 } } };
    case 'redirect':
      return { status: 307, headers: { location: `${foreignOrigin(emulator.origin)}/~foreign` } };
    case 'quote_key':
      return { ...emulator.failure('validation', `the key ${key ?? ''} may not do this`) };
    case 'size':
      sendWithoutEnd(emulator, reply);
      return 'gone';
    default:
      return undefined;
  }
}

/** The beginning of a JSON text, for ever; as fast as the other side reads, and no faster. */
function sendWithoutEnd(emulator: Emulator, reply: FastifyReply): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'application/json' });
  const chunk = Buffer.from('"a",'.repeat(16_384));
  raw.write('[');
  const more = () => {
    while (!raw.destroyed && emulator.endlessBytes < 1 << 30) {
      emulator.endlessBytes += chunk.byteLength;
      if (!raw.write(chunk)) return;
    }
    raw.destroy();
  };
  raw.on('drain', more);
  raw.on('error', () => raw.destroy());
  more();
}

function hangUp(reply: FastifyReply): 'gone' {
  reply.hijack();
  reply.raw.socket?.destroy();
  return 'gone';
}
