import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from '../refusal.ts';

export const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/** Which values of the Host header are ours: the defence against DNS rebinding (RF-49, RF-72). */
export interface AllowedHosts {
  /** Host and port as sent, in lower case. */
  names: ReadonlySet<string>;
  /** Also the loopback names with the port that the request came in on. */
  ownLoopback: boolean;
}

export function createHostCheck({
  names,
  ownLoopback,
}: AllowedHosts): (request: IncomingMessage) => Refusal | undefined {
  // The same few values come again and again; what a client makes up is never remembered.
  const loopbackByPort = new Map<number, ReadonlySet<string>>();
  const refusal = refuse(403, ['host_rejected', 'This Host is not served here.'], {
    nextAction: 'Use the address that the operator gave you; the operator sets MCP_ALLOWED_HOSTS.',
  });

  function isOwnLoopback(host: string, port: number): boolean {
    let own = loopbackByPort.get(port);
    if (own === undefined) {
      own = new Set(
        loopbackNames.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])),
      );
      loopbackByPort.set(port, own);
    }
    return own.has(host);
  }

  return ({ headers, socket }) => {
    const host = headers.host?.toLowerCase() ?? '';
    if (names.has(host)) return undefined;
    return ownLoopback && isOwnLoopback(host, socket.localPort ?? 0) ? undefined : refusal;
  };
}
