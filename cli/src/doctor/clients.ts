/** The configurations of MCP clients that point at this server, and what is wrong with them. */
import { existsSync } from 'node:fs';
import { type ClientKind, clientKinds, type Entry, type Place } from '@inferry/clients';
import { isLoopback } from '@inferry/runtime';
import { readClientFile } from '../installer/client-file.ts';
import { openConfig } from '../installer/config-text.ts';
import { BrokenConfig } from '../installer/text-editor.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

export function checkClients(place: Place, url: string): Finding[] {
  return clientKinds.flatMap((kind) => {
    const files = [kind.userFile(place), kind.projectFile?.(place)].filter((file) => file !== undefined);
    return files.filter((file) => existsSync(file)).flatMap((file) => checkFile(kind, file, { place, url }));
  });
}

function checkFile(kind: ClientKind, path: string, { place, url }: { place: Place; url: string }): Finding[] {
  const about = kind.label;
  try {
    const file = readClientFile(path);
    const entries = openConfig(kind.dialect, file.text ?? '').entries(kind.servers);
    const isOpen = place.platform !== 'win32' && (file.mode & 0o077) !== 0;
    return Object.entries(entries).flatMap(([name, entry]) =>
      isEntry(entry) && isOurs(entry, url) ? checkEntry(entry, { about, name, path, url, isOpen }) : [],
    );
  } catch (error) {
    if (!(error instanceof BrokenConfig))
      return [fault(about, reasonOf(error), `Make ${path} readable for you.`)];
    const line = error.line === undefined ? '' : `, line ${error.line}`;
    return [
      fault(
        about,
        `${path}${line}: ${error.message}`,
        'Mend the file; the client reads none of its servers.',
      ),
    ];
  }
}

interface Where {
  about: string;
  name: string;
  path: string;
  url: string;
  isOpen: boolean;
}

function checkEntry(entry: Entry, { about, name, path, url, isOpen }: Where): Finding[] {
  const findings: Finding[] = [];
  const address = addressesIn(entry)[0];
  if (address !== undefined && new URL(address).pathname === '/' && new URL(url).pathname !== '/') {
    findings.push(warning(about, `"${name}" points at ${address}`, `Point it at ${url}.`));
  }
  const words = wordsIn(entry);
  if (
    address !== undefined &&
    words.some((word) => /\$\{?\w+\}?/.test(word) && /bearer|authorization/i.test(word))
  ) {
    findings.push(
      warning(
        about,
        `"${name}" sends a variable in a header`,
        'Some clients send it as it stands there: write the key itself, and keep the file from git.',
      ),
    );
  }
  if (isOpen && words.some(isKey)) {
    findings.push(
      warning(about, `${path} holds a key and can be read by others on this machine`, `chmod 600 ${path}`),
    );
  }
  if (isEntryDisabled(entry))
    findings.push(warning(about, `"${name}" is switched off`, 'Switch it on in the client.'));
  return findings.length > 0 ? findings : [ok(about, `"${name}" in ${path}`)];
}

function isEntryDisabled({ enabled, disabled }: Entry): boolean {
  return enabled === false || disabled === true;
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** It starts this package, or names the server's host. */
function isOurs(entry: Entry, url: string): boolean {
  const { port, hostname } = new URL(url);
  const isThere = addressesIn(entry).some((address) => {
    const given = new URL(address);
    const isSameHost =
      given.hostname === hostname || (isLoopback(bare(given.hostname)) && isLoopback(bare(hostname)));
    return isSameHost && given.port === port;
  });
  return isThere || wordsIn(entry).some((word) => /^inferry(@[\w.-]+)?$/.test(word));
}

/** An IPv6 address without the brackets that it has in a URL. */
function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function addressesIn(entry: Entry): string[] {
  return wordsIn(entry).filter((word) => /^https?:\/\//.test(word) && URL.canParse(word));
}

function wordsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(wordsIn);
}

/** A key of ours, of a product, or a bearer token. */
function isKey(word: string): boolean {
  return /^(Bearer\s+)?(ifr_|rf_|rpa_|rw_|mr_)\w{6,}/.test(word) || /^Bearer\s+[\w.-]{12,}$/.test(word);
}
