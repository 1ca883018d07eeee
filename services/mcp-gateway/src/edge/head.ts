import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../refusal.ts';

/** No client sends a third of it; from 2,000 on Node drops headers in silence, an Origin among them. */
const maxHeaders = 100;

const tooMany = refuse(431, ['invalid_request', `A request has at most ${maxHeaders} headers.`], {
  headers: { connection: 'close' },
});
const twoHosts = refuse(400, ['invalid_request', 'A request has one Host.'], {
  headers: { connection: 'close' },
});

/** What must hold of a head before any header of it is believed (RFC 9112, section 3.2). */
export function checkHead({ rawHeaders }: IncomingMessage): Refusal | undefined {
  if (rawHeaders.length > maxHeaders * 2) return tooMany;
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1 ? twoHosts : undefined;
}
