import type { IncomingMessage } from 'node:http';
import { type HttpRefusal, refuse } from '../http-refusal.ts';

/** No client sends a third of it; from 2,000 on Node drops headers in silence, an Origin among them. */
const maxHeaders = 100;

const tooMany = refuse(431, ['invalid_request', `A request has at most ${maxHeaders} headers.`], {
  headers: { connection: 'close' },
});
const refuseTwo = (name: string) =>
  refuse(400, ['invalid_request', `A request has one ${name}.`], { headers: { connection: 'close' } });
const twoHosts = refuseTwo('Host');
/** Node takes the first of these in silence; who sent the second one meant something else. */
const single: Readonly<Record<string, HttpRefusal>> = {
  authorization: refuseTwo('Authorization'),
  'content-type': refuseTwo('Content-Type'),
};

/** What must hold of a head before any header of it is believed (RFC 9112, section 3.2). */
export function checkHead({ rawHeaders, headers }: IncomingMessage): HttpRefusal | undefined {
  if (rawHeaders.length > maxHeaders * 2) return tooMany;
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name?.length === 12 || name?.length === 13) {
      const refusal = refuseOther(name.toLowerCase(), rawHeaders[index + 1], headers);
      if (refusal !== undefined) return refusal;
    }
  }
  return hosts > 1 ? twoHosts : undefined;
}

/** A second value that is not the one that is believed. */
function refuseOther(
  name: string,
  value: string | undefined,
  headers: IncomingMessage['headers'],
): HttpRefusal | undefined {
  const refusal = Object.hasOwn(single, name) ? single[name] : undefined;
  return refusal === undefined || value === headers[name] ? undefined : refusal;
}
