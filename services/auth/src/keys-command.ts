import { parseArgs } from 'node:util';
import type { Bus } from '@inferry/bus';
import type { Database } from '@inferry/database';
import { type ApiKey, createKey, isLive, listKeys, revokeKey } from './keys/keys.ts';
import { printJson } from './print-json.ts';

interface Output {
  write(text: string): unknown;
}

export interface KeysCommandOptions {
  database: Database;
  /** Announces a revocation; without it the gateways find it within 30 s. */
  bus?: Pick<Bus, 'publish'> | undefined;
  /** Takes the new key and the list. */
  out: Output;
  /** Takes what is said about them. */
  err?: Output | undefined;
  now?: (() => number) | undefined;
}

const usage = `Usage:
  npm run keys -- create --name <name> [--scopes a,b] [--expires 30d] [--subject <subject>]
  npm run keys -- list [--subject <subject>]
  npm run keys -- revoke <key_id>
--json: one JSON document on standard output
`;

/** Runs `create`, `list` or `revoke` and resolves with the exit code: 0, or 2 for wrong arguments; rejects when refused. */
export async function runKeysCommand(argv: readonly string[], options: KeysCommandOptions): Promise<number> {
  const err = options.err ?? process.stderr;
  const parsed = parse(argv);
  if (typeof parsed === 'string') {
    err.write(`${parsed}\n${usage}`);
    return 2;
  }
  await parsed.run({ ...options, err, now: options.now ?? Date.now });
  return 0;
}

type Context = Required<Omit<KeysCommandOptions, 'bus'>> &
  Pick<KeysCommandOptions, 'bus'> & { err: Output; now(): number };
interface Parsed {
  run(context: Context): Promise<void>;
}

const json = { json: { type: 'boolean', default: false } } as const;
const createOptions = {
  name: { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
  subject: { type: 'string' },
  ...json,
} as const;

/** What to do, or what is wrong with the arguments. */
function parse([command, ...args]: readonly string[]): Parsed | string {
  try {
    switch (command) {
      case 'create':
        return parseCreate(args);
      case 'list': {
        const { values } = parseArgs({ args, options: { subject: { type: 'string' }, ...json } });
        return { run: (context) => list(context, values) };
      }
      case 'revoke': {
        const { values, positionals } = parseArgs({ args, options: json, allowPositionals: true });
        const [keyId, ...more] = positionals;
        if (keyId === undefined || more.length > 0) return 'revoke takes one key id, as list shows it.';
        return { run: (context) => revoke(context, keyId, values) };
      }
      default:
        return command === undefined
          ? 'What to do with keys?'
          : `There is no command ${JSON.stringify(command)}.`;
    }
  } catch (error) {
    // parseArgs names the argument that it does not know.
    return error instanceof Error ? error.message : 'The arguments are not valid.';
  }
}

function parseCreate(args: string[]): Parsed | string {
  const { values } = parseArgs({ args, options: createOptions });
  const { name, subject } = values;
  if (name === undefined) return 'create needs --name.';
  const lifeMs = values.expires === undefined ? undefined : parseDuration(values.expires);
  if (values.expires !== undefined && lifeMs === undefined) return '--expires is like 12h, 30d, 8w or 1y.';
  const scopes = values.scopes?.split(',').map((scope) => scope.trim());
  return {
    async run({ database, out, err, now }) {
      const at = now();
      const expiresAt = lifeMs === undefined ? undefined : at + lifeMs;
      const created = await createKey(database, { name, subject, scopes, expiresAt, now: at });
      if (values.json) return printJson(out, { key: created.key.reveal(), ...toDocument(created) });
      out.write(`${created.key.reveal()}\n`);
      err.write(
        `Key ${created.keyId} opens everything of subject "${created.subject}" (${created.scopes.join(', ')}), ` +
          `${created.expiresAt === undefined ? 'until it is revoked' : `until ${time(created.expiresAt)}`}.\n` +
          'The line above is the key. It is shown this once: keep it now.\n',
      );
    },
  };
}

async function list(
  { database, out, err, now }: Context,
  { subject, json: isJson }: { subject?: string | undefined; json: boolean },
): Promise<void> {
  const keys = await listKeys(database, subject);
  if (isJson) {
    const shown = keys.map((key) => ({ ...toDocument(key), state: stateOf(key, now()).split(' ')[0] }));
    return printJson(out, { keys: shown });
  }
  if (keys.length === 0) return void err.write('There is no key yet.\n');
  const head = ['KEY ID', 'NAME', 'SUBJECT', 'SCOPES', 'CREATED', 'LAST USED', 'STATE'];
  const rows = keys.map((key) => [
    ...[key.keyId, key.name, key.subject, key.scopes.join(',')],
    ...[
      time(key.createdAt),
      key.lastUsedAt === undefined ? 'never' : time(key.lastUsedAt),
      stateOf(key, now()),
    ],
  ]);
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)),
  );
  for (const row of [head, ...rows]) {
    out.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
}

async function revoke(
  { database, bus, out, err }: Context,
  keyId: string,
  { json: isJson }: { json: boolean },
): Promise<void> {
  const key = await revokeKey(database, keyId, { bus });
  if (isJson) return printJson(out, toDocument(key));
  const when = bus === undefined ? 'within 30 seconds' : 'now';
  err.write(`Key ${key.keyId} (${key.name}) is revoked; gateways refuse it ${when}.\n`);
}

/** Times as RFC 3339; what is not so has no field. */
function toDocument(key: Omit<ApiKey, 'createdAt' | 'lastUsedAt' | 'revokedAt'> & Partial<ApiKey>): object {
  const at = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString());
  return {
    ...{ key_id: key.keyId, name: key.name, subject: key.subject, scopes: key.scopes },
    ...{ created_at: at(key.createdAt), expires_at: at(key.expiresAt) },
    ...{ last_used_at: at(key.lastUsedAt), revoked_at: at(key.revokedAt) },
  };
}

function stateOf(key: ApiKey, now: number): string {
  if (key.revokedAt !== undefined) return `revoked ${time(key.revokedAt)}`;
  if (!isLive(key, now)) return 'expired';
  return key.expiresAt === undefined ? 'live' : `live until ${time(key.expiresAt)}`;
}

function time(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, y: 365 * 86_400_000 };

function parseDuration(text: string): number | undefined {
  const match = /^([1-9]\d{0,4})([mhdwy])$/.exec(text);
  if (match === null) return undefined;
  const [, count, unit] = match;
  // as: the pattern lets these letters through only.
  return Number(count) * unitMs[unit as keyof typeof unitMs];
}
