/** Runpod's own MCP server: its third edition with both versions of REST, and its fourth. */
import {
  type AnyTool,
  callInfra,
  defineProfile,
  defineTool,
  type ErrorEnvelope,
  problemsOf,
  text,
  toPortableSchema,
  validationFailed,
} from '@inferry/contracts';
import { z } from 'zod';
import { machines3 } from './machines-3.ts';
import { machines4 } from './machines-4.ts';
import { groupOf, type Row } from './row.ts';
import { stores3 } from './stores-3.ts';
import { stores4 } from './stores-4.ts';

type Edition = '3.4.0' | '4.0.0';

const shown = z.object({ error: callInfra.reply.shape.error });

function toTool(
  [name, { title, description, hints, args }]: readonly [string, Row],
  edition: Edition,
): AnyTool {
  const input = z.object(args);
  const names = Object.keys(args);
  const required = names.filter((key) => !z.safeParse(args[key] ?? z.undefined(), undefined).success);
  const takes = edition === '4.0.0' ? { accepted: names, required } : {};
  const group = groupOf(name);
  const tool = defineTool({
    name,
    ...(group === undefined ? {} : { group }),
    title,
    description,
    annotations: hints,
    operation: callInfra,
    input,
    output: shown,
    outputSchema: 'none',
    isContentOnly: true,
    // What an older client still sends is no reason to refuse its call.
    parse: (raw) => {
      const given = givenOf(name, raw, { args, hints });
      return edition === '4.0.0' ? given : parsed(name, input, given);
    },
    toInput: (given) => ({ provider: 'runpod', edition, call: name, input: given, ...takes }),
    present: ({ body }) => [text(JSON.stringify(body))],
    // Of a refusal alone: the body is in the platform's words, and programs find a code that is the same for all.
    toStructured: ({ body, error }) => ({ ...Object(body), error }),
    isFailed: (reply) => reply.is_error === true,
    toError: withStatus,
  });
  // as: what a tool's functions take is its own.
  return tool as unknown as AnyTool;
}

/** The text is all that these tools show: it names the status that the platform answered. */
function withStatus(error: ErrorEnvelope): ErrorEnvelope {
  const { upstream_status: status, message } = error;
  if (status === undefined || message.includes(String(status))) return error;
  const [first = '', ...rest] = message.split('\n');
  return { ...error, message: [`${first} (HTTP ${status})`, ...rest].join('\n') };
}

/** Without what is not set: `null`, and an empty text where none is of use. In a change it may clear a field. */
function givenOf(
  name: string,
  raw: unknown,
  { args, hints }: Pick<Row, 'args' | 'hints'>,
): Record<string, unknown> {
  const given = raw ?? {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw validationFailed(name, [{ path: '', message: 'arguments must be an object' }]);
  }
  const isOptional = (key: string) => z.safeParse(args[key] ?? z.undefined(), undefined).success;
  const isOfUse = (key: string) =>
    hints.readOnlyHint !== true && z.safeParse(args[key] ?? z.string(), '').success && !unclearable.has(key);
  const entries = Object.entries(given).filter(
    ([key, value]) => value !== null && (value !== '' || !isOptional(key) || isOfUse(key)),
  );
  return Object.fromEntries(entries);
}

/** Where there is nothing to clear. */
const unclearable = new Set(['webhook', 'gpuIds']);

function parsed(name: string, input: z.ZodObject, given: Record<string, unknown>): Record<string, unknown> {
  const result = input.safeParse(given);
  if (result.success) return result.data;
  const schema = toPortableSchema(input, 'input');
  throw validationFailed(name, problemsOf(result.error, { schema, value: given }));
}

function instructions(edition: Edition): (title: string) => string {
  return () => `Pods, serverless endpoints, templates, volumes and jobs of a Runpod account (edition ${edition}).

- What exists is billed until it is deleted: pods by the hour, volumes by size, endpoints while workers run. Say what something costs (list-gpu-types has prices) before you make it, and delete or stop what is no longer needed.
- Creations are sent once. When one fails without an answer, look with the list before you make it again.
- A job that stays IN_QUEUE is not always a lack of GPUs: get-job-status says what the workers do; stream-worker-logs shows why one crashes.
- Lists are pages: pass nextCursor as cursor.
- Deleting a pod or a volume deletes its data for good: ask first.
- The API has more fields than these tools: https://api.runpod.io/v2/openapi.json (REST), https://graphql-spec.runpod.io/ (GraphQL).`;
}

const exceptions = {
  '*: name': 'the names are Runpod’s',
  '*: fields': 'names such as podId say what they are, and texts for all would cost thousands of tokens',
  '*: output': 'Runpod lists no output schemas',
};

/** Which versions of REST are called, as Runpod's own server says it (RPB-13). */
const restVersions = {
  prefix: 'RUNPOD_REST_VERSION',
  say({ RUNPOD_REST_VERSION: usual, ...own }: Readonly<Record<string, string>>): string {
    const count = Object.keys(own).length;
    const said = usual === undefined ? ' unset (default v2)' : `=${usual.toLowerCase().slice(0, 20)}`;
    return `RUNPOD_REST_VERSION${said}${count === 0 ? '' : `, +${count} per-resource`}`;
  },
};

function runpodProfile(key: string, edition: Edition, rows: Readonly<Record<string, Row>>) {
  return defineProfile({
    key,
    // The fourth edition has no other version than the second.
    ...(edition === '3.4.0' && { versionNote: restVersions }),
    serverInfo: { name: 'Runpod API Server', title: 'Runpod', version: edition },
    instructions: instructions(edition),
    tools: () => Object.entries(rows).map((entry) => toTool(entry, edition)),
    promptName: () => undefined,
    hasResource: () => false,
    providers: ['runpod'],
    access: {
      realm: 'mcp',
      keyPrefixes: { rpa_: 'runpod' },
      scope: 'mcp infra',
      offeredScopes: ['infra'],
      hasShortOAuthPaths: true,
      keyPage: 'https://console.runpod.io/user/settings',
    },
    exceptions,
  });
}

export const runpod = runpodProfile('runpod', '3.4.0', { ...machines3, ...stores3 });
export const runpod4 = runpodProfile('runpod-4', '4.0.0', { ...machines4, ...stores4 });
