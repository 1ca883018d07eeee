/** `npm run admin -- storage`: how long and how much is kept for whom, whether outputs are copied, and who stores how much. */
import {
  listPolicies,
  type PolicyScope,
  policyScopes,
  readStoredBytes,
  type StoragePolicy,
  setPolicy,
} from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { type AdminContext, type AdminVerbs, limitOf, tell, usage } from './context.ts';

const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

export const storageVerbs: AdminVerbs = {
  async list({ database, print, values }) {
    for (const policy of await listPolicies(database.queries)) {
      print(values.json ? JSON.stringify(policy) : `${nameOf(policy)}: ${wordsOf(policy)}`);
    }
    return 0;
  },

  /** What is not said stays as it is; `none` takes a rule away. */
  async set(context) {
    const { values, database } = context;
    const scope = scopeOf(context);
    const known = (await listPolicies(database.queries)).find(
      (policy) => policy.scope === scope.scope && policy.value === scope.value,
    );
    const policy: StoragePolicy = {
      ...scope,
      rehost: chosen(values.rehost, known?.rehost, readRehost),
      retentionDays: chosen(values.days, known?.retentionDays, readDays),
      maxBytes: chosen(values.bytes, known?.maxBytes, readBytes),
    };
    if (values.rehost === undefined && values.days === undefined && values.bytes === undefined) {
      throw new ConfigError([`storage set: what is to hold?\n${usage}`]);
    }
    await setPolicy(database, policy);
    await context.note('storage.set', nameOf(policy), { ...policy });
    return tell(context, { ...policy }, `${nameOf(policy)}: ${wordsOf(policy)}`);
  },

  async clear(context) {
    const scope = scopeOf(context);
    await setPolicy(context.database, scope);
    await context.note('storage.clear', nameOf(scope));
    return tell(context, { ...scope }, `${nameOf(scope)}: as the wider scope says`);
  },

  async usage(context) {
    for (const row of await readStoredBytes(context.database.queries, limitOf(context))) {
      const line = `${row.subject}: ${row.bytes} bytes in ${row.files} files`;
      context.print(context.values.json ? JSON.stringify(row) : line);
    }
    return 0;
  },
};

function scopeOf({ values }: AdminContext): { scope: PolicyScope; value: string } {
  const scope = policyScopes.find((one) => one === values.scope);
  const { value = '' } = values;
  if (scope === undefined || (scope === 'deployment') !== (value === '')) {
    throw new ConfigError([
      `--scope: subject or mount with its --value, or deployment without one\n${usage}`,
    ]);
  }
  return { scope, value };
}

function chosen<T>(text: string | undefined, known: T | undefined, read: (text: string) => T): T | undefined {
  if (text === undefined) return known;
  return text === 'none' ? undefined : read(text);
}

function readRehost(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw new ConfigError([`--rehost: on, off or none\n${usage}`]);
}

function readDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 36_500) return days;
  throw new ConfigError([`--days: 1 to 36500, or none\n${usage}`]);
}

function readBytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (units[unit.toLowerCase()] ?? 0));
  if (number !== '' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new ConfigError([`--bytes: such as 500MiB or 10GiB, or none\n${usage}`]);
}

function nameOf({ scope, value }: Pick<StoragePolicy, 'scope' | 'value'>): string {
  return `${scope} ${value}`.trim();
}

function wordsOf({ rehost, retentionDays, maxBytes }: StoragePolicy): string {
  const said = [
    ...(retentionDays === undefined ? [] : [`kept ${retentionDays} days`]),
    ...(maxBytes === undefined ? [] : [`at most ${maxBytes} bytes`]),
    ...(rehost === undefined ? [] : [rehost ? 'outputs are copied' : "outputs keep the platforms' links"]),
  ];
  return said.length === 0 ? 'as the wider scope says' : said.join(', ');
}
