/** `npm run admin -- audit`: the trail as lines for other systems, and whether its chain holds. */
import { type AuditLine, chainAudit, readAudit, verifyAudit } from '@inferry/database';
import { ConfigError } from '@inferry/runtime';
import { versionOf } from '../version.ts';
import { type AdminVerbs, timeOf } from './context.ts';

const pageSize = 1_000;

export const auditVerbs: AdminVerbs = {
  async verify({ database, print, values }) {
    await chainAudit(database);
    const { lines, last, broken } = await verifyAudit(database, knownOf(values.known));
    if (values.json) print(JSON.stringify({ ok: broken === undefined, lines, last, broken: broken ?? null }));
    else if (broken === undefined)
      print(`${lines} lines are as they were written, the last is ${last.place}:${last.hash}`);
    else print(`Line ${broken.place} ${broken.problem}; ${lines} lines before it are as they were written.`);
    return broken === undefined ? 0 : 1;
  },

  async export({ database, print, values, env }) {
    const { format = 'jsonl' } = values;
    if (format !== 'jsonl' && format !== 'ocsf') throw new ConfigError(['--format: jsonl or ocsf']);
    await chainAudit(database);
    const since = timeOf(values.since, 0);
    const version = versionOf(env);
    for (let after = 0; ; ) {
      const page = await readAudit(database.queries, { after, limit: pageSize, since });
      for (const line of page)
        print(JSON.stringify(format === 'ocsf' ? toOcsf(line, version) : toLine(line)));
      after = Number(page.at(-1)?.place ?? after);
      if (page.length < pageSize) return 0;
    }
  },
};

function knownOf(text: string | undefined): { place: number; hash: string } | undefined {
  if (text === undefined) return undefined;
  const [, place, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (place === undefined || hash === undefined) {
    throw new ConfigError(['--known: a place and its hash, as audit verify printed them']);
  }
  return { place: Number(place), hash };
}

function toLine({ place, at, details, ...line }: AuditLine): Record<string, unknown> {
  return {
    place: Number(place),
    time: new Date(Number(at)).toISOString(),
    ...line,
    details: JSON.parse(details),
  };
}

/** What an action did, by the last word of its name. */
const activities: Readonly<Record<string, readonly [id: number, name: string]>> = {
  started: [1, 'Create'],
  created: [1, 'Create'],
  added: [1, 'Create'],
  allowed: [1, 'Create'],
  cancelled: [3, 'Update'],
  answered: [3, 'Update'],
  revoked: [4, 'Delete'],
  deleted: [4, 'Delete'],
};
const other = [99, 'Other'] as const;
/** API Activity, of the category Application Activity (OCSF 1.3). */
const classUid = 6_003;

function toOcsf(line: AuditLine, version: string): Record<string, unknown> {
  const [activityId, activityName] = activities[line.action.split('.').at(-1) ?? ''] ?? other;
  return {
    ...{
      category_uid: 6,
      category_name: 'Application Activity',
      class_uid: classUid,
      class_name: 'API Activity',
    },
    ...{ activity_id: activityId, activity_name: activityName, type_uid: classUid * 100 + activityId },
    ...{ time: Number(line.at), severity_id: 1, severity: 'Informational', status_id: 1, status: 'Success' },
    metadata: {
      ...{ version: '1.3.0', uid: line.audit_id, sequence: Number(line.place) },
      product: { name: 'Inferry', vendor_name: 'Inferry', version },
    },
    actor: { user: { uid: line.actor === '' ? 'unknown' : line.actor } },
    api: { operation: line.action, service: { name: 'inferry' } },
    src_endpoint: { name: 'inferry' },
    resources: [{ uid: line.object, type: line.action.split('.')[0], owner: { uid: line.subject } }],
    unmapped: { details: JSON.parse(line.details), hash: line.hash },
  };
}
