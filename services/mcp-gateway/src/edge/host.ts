import type { IncomingMessage } from 'node:http';
import { type HttpRefusal, refuse } from '../http-refusal.ts';

export const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/** Which values of the Host header are ours: the defence against DNS rebinding (RF-49, RF-72). */
export interface AllowedHosts {
  /** Host and port in every spelling (`spellingsOf`), in lower case and without a dot at the end of the name. */
  names: ReadonlySet<string>;
  /** Also these names with the port that the request came in on: loopback, and the address that is bound. */
  ownNames: readonly string[];
  /**
   * Also the loopback names with any port, as a port that is forwarded to here has another number. A page that had a
   * name resolve to this machine cannot say so: it sends the name.
   */
  anyLoopbackPort: boolean;
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * Every spelling of an authority: with the port that its scheme implies and without it (RFC 9110, section 4.2.3). A
 * name that an operator lists has no scheme, so each default port is none. The dot at the end of a full name and upper
 * case are looked past when a request comes.
 */
export function spellingsOf(host: string, scheme?: string): string[] {
  const { name, port } = split(host.toLowerCase());
  const implied = scheme === undefined ? Object.values(defaultPorts) : [defaultPorts[scheme]];
  if (port !== '' && !implied.includes(port)) return [`${name}:${port}`];
  return [name, ...(port === '' ? implied : [port]).map((number) => `${name}:${number}`)];
}

function split(host: string): { name: string; port: string } {
  const at = host.lastIndexOf(':');
  const hasPort = at > host.lastIndexOf(']');
  const name = hasPort ? host.slice(0, at) : host;
  return { name: name.endsWith('.') ? name.slice(0, -1) : name, port: hasPort ? host.slice(at + 1) : '' };
}

export function createHostCheck({
  names,
  ownNames,
  anyLoopbackPort,
}: AllowedHosts): (request: IncomingMessage) => HttpRefusal | undefined {
  // The same few values come again and again; what a client makes up is never remembered.
  const ownByPort = new Map<number, ReadonlySet<string>>();
  const refusal = refuse(403, ['host_rejected', 'This Host is not served here.'], {
    nextAction: 'Use the address that the operator gave you; the operator sets MCP_ALLOWED_HOSTS.',
  });

  function isOwn(host: string, port: number): boolean {
    let own = ownByPort.get(port);
    if (own === undefined) {
      own = new Set(ownNames.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
      ownByPort.set(port, own);
    }
    return own.has(host);
  }

  function isServed(sent: string, localPort: number): boolean {
    if (names.has(sent) || isOwn(sent, localPort)) return true;
    const { name, port } = split(sent);
    const written = port === '' ? name : `${name}:${port}`;
    if (names.has(written) || isOwn(written, localPort)) return true;
    return anyLoopbackPort && loopbackNames.includes(name) && /^\d{0,5}$/.test(port);
  }

  return ({ headers, socket }) =>
    isServed(headers.host?.toLowerCase() ?? '', socket.localPort ?? 0) ? undefined : refusal;
}
