/** What the head of a request must hold before its body is read: its form, Host, Origin, size and type. */
import type { IncomingMessage } from 'node:http';
import { refuseSize } from '@inferry/mcp';
import { type HttpRefusal, refuse, toHttp } from '../http-refusal.ts';

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

const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/** The origins whose pages may call here. */
export interface Origins {
  has(origin: string): boolean;
}

/** Without a list, pages that are served on this machine. */
export function createOrigins(allowed: ReadonlySet<string> | undefined): Origins {
  return {
    has(origin) {
      const name = origin.toLowerCase();
      return allowed === undefined ? loopbackOrigin.test(name) : allowed.has(name);
    },
  };
}

/**
 * Only browsers send an Origin: a page of another site must not reach this server with what the browser can reach
 * (MCP 2026-07-28, transports; RF-50).
 */
export function createOriginCheck(origins: Origins): (request: IncomingMessage) => HttpRefusal | undefined {
  const refusal = refuse(403, ['origin_rejected', 'This Origin may not call here.'], {
    nextAction: 'The operator lists allowed origins in MCP_ALLOWED_ORIGINS.',
  });
  return ({ headers }) => {
    const origin = oneValue(headers.origin);
    return origin === undefined || origins.has(origin) ? undefined : refusal;
  };
}

/** The cap on bodies (RF-51, RF-52). The rest of a body that is too large is not read, so the connection ends. */
export function refuseBodySize(maxBytes: number): HttpRefusal {
  return { ...toHttp(refuseSize(maxBytes)), headers: { connection: 'close' } };
}

/**
 * Checks the length that a request announces. Only a call with a file may announce more than the cap (X3); what a
 * body really is and has is found out while it is read.
 */
export function createBodyCheck(
  maxBytes: number,
  mayBeUpload: (request: IncomingMessage) => boolean,
): (request: IncomingMessage) => HttpRefusal | undefined {
  const refusal = refuseBodySize(maxBytes);
  return (request) => {
    const length = request.headers['content-length'];
    const isLarge = length !== undefined && Number(length) > maxBytes;
    return isLarge && !mayBeUpload(request) ? refusal : undefined;
  };
}

const notJson = refuse(415, ['unsupported_media_type', 'Send JSON with Content-Type: application/json.']);

export function checkContentType({ headers }: IncomingMessage): HttpRefusal | undefined {
  const type = headers['content-type'];
  if (type === 'application/json') return undefined;
  const sent = type?.split(',', 9).filter((value) => value.trim() !== '') ?? [];
  const essences = sent.map((value) => value.split(';', 1)[0]?.trim().toLowerCase());
  const isJson = essences.length > 0 && essences.every((essence) => essence === 'application/json');
  return isJson ? undefined : notJson;
}

const encoded = refuse(415, ['unsupported_media_type', 'Send the body as it is, without Content-Encoding.'], {
  headers: { 'accept-encoding': 'identity' },
});

/** Nothing is unpacked here: a small body could become a large one (RFC 9110, section 12.5.3). */
export function checkContentEncoding({ headers }: IncomingMessage): HttpRefusal | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return undefined;
  return (oneValue(encoding) ?? 'identity').toLowerCase() === 'identity' ? undefined : encoded;
}

/**
 * Reads request headers that have one value. Proxies and `fetch` join what arrives twice with a comma; equal copies say
 * nothing new, copies that differ are left as they came, for the reader to refuse. What is empty was not sent.
 */
export function oneValue(sent: string | string[] | undefined): string | undefined {
  const whole = (typeof sent === 'string' ? sent : sent?.join(', '))?.trim();
  if (whole === undefined || whole === '') return undefined;
  return whole.includes(',') ? withoutCopies(whole) : whole;
}

/** Far more copies than any chain of proxies makes. */
const maxParts = 32;

/** The value whose copies fill the header: it may have commas itself. Copies that are empty were not sent. */
function withoutCopies(whole: string): string | undefined {
  const sent = whole.split(',', maxParts + 1);
  if (sent.length > maxParts) return whole;
  const parts = sent.map((part) => part.trim()).filter((part) => part !== '');
  if (parts.length < 2) return parts[0];
  const length = parts.findIndex((_, at) => at > 0 && isCopies(parts, at));
  return length === -1 ? whole : parts.slice(0, length).join(',');
}

function isCopies(parts: readonly string[], length: number): boolean {
  return parts.length % length === 0 && parts.every((part, at) => part === parts[at % length]);
}
