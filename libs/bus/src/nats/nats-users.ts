/**
 * Who may do what on NATS: one table, from which the server's configuration is written, for a cluster and for Compose.
 * A service is one user, and each may publish and subscribe only what it must.
 */
import {
  type AnyOperation,
  browseRuns,
  callCancelled,
  cancelBatch,
  cancelRun,
  catalogChanged,
  clientAnswered,
  connectionChanged,
  deleteAssets,
  describeInfra,
  type EventContract,
  forgetPayload,
  getBatch,
  getRun,
  grantRevoked,
  jwksChanged,
  listAssets,
  listConnections,
  listInfra,
  listProviders,
  listRuns,
  makeSheet,
  openAsset,
  openCredential,
  operate,
  operations,
  passthroughSeen,
  prepareRun,
  prepareRuns,
  type RpcContract,
  readAccess,
  readBudgets,
  readClientEvents,
  readDeliveries,
  readEventKey,
  readJwks,
  readOperation,
  readOutputs,
  readRevocations,
  readSpend,
  readStorage,
  readUsage,
  readVaultKey,
  readWaveform,
  releaseCredential,
  replayWebhook,
  reportCredential,
  resolveAssets,
  resourceUpdated,
  rpcs,
  runCancelRequested,
  runFinished,
  runProgressed,
  runQueued,
  subscribeClientEvents,
  surfaceChanged,
  surfaceOf,
  unsubscribeClientEvents,
  updateAssets,
  uploadFile,
  verifyKey,
  verifyPassthrough,
  viewOutput,
  wrapperChanged,
} from '@inferry/contracts';
import { directSubject, whoSubject } from '../frames.ts';

type Called = Pick<AnyOperation | RpcContract, 'subject'>;
type Told = Pick<EventContract, 'subject'>;

/** A service's part in the traffic of the bus. */
export interface BusRights {
  serves: readonly Called[];
  asks: readonly Called[];
  tells: readonly Told[];
  hears: readonly Told[];
}

/** Of any service that offers prompts and resources. */
const surfaces: readonly Called[] = surfaceRequests('*');

const keys: readonly Called[] = [openCredential, reportCredential, releaseCredential];

/** Everything that each service serves, asks, tells and hears. A contract that is not here cannot be used on NATS. */
export const busRights: Readonly<Record<string, BusRights>> = {
  'mcp-gateway': {
    serves: [],
    asks: [
      { subject: 'ops.v1.>' },
      ...surfaces,
      ...[verifyKey, verifyPassthrough, readRevocations, readJwks, readVaultKey, openAsset, listProviders],
      readClientEvents,
      readEventKey,
      subscribeClientEvents,
      unsubscribeClientEvents,
    ],
    tells: [callCancelled, clientAnswered],
    hears: [
      ...[callCancelled, catalogChanged, clientAnswered, connectionChanged, grantRevoked, jwksChanged],
      ...[resourceUpdated, runFinished, runProgressed, surfaceChanged, wrapperChanged],
    ],
  },
  auth: {
    serves: [...ownedBy('auth'), ...operationsNamed('get_account')],
    asks: [
      ...[describeInfra, listConnections, listInfra, listProviders, readBudgets, readStorage, readUsage],
      reportCredential,
      // The pages of the account.
      ...[browseRuns, cancelRun, getRun, listRuns, operate, readOperation, readOutputs, readSpend],
      ...[deleteAssets, listAssets, readDeliveries, readWaveform, replayWebhook, resolveAssets, updateAssets],
      ...[cancelBatch, getBatch, viewOutput],
    ],
    tells: [connectionChanged, grantRevoked, jwksChanged, passthroughSeen],
    hears: [jwksChanged, passthroughSeen],
  },
  catalog: {
    serves: [
      ...ownedBy('catalog'),
      ...surfaceRequests('catalog'),
      ...operationsNamed('search_models', 'get_model', 'estimate_cost', 'wrapper_guide', 'preview_wrapper'),
      ...operationsNamed('create_wrapper', 'patch_wrapper', 'delete_wrapper'),
      ...operationsNamed('list_capabilities', 'read_model_record', 'search_community', 'upload_weights'),
      ...operationsNamed('store_media', 'read_platform_account'),
    ],
    asks: [...keys, readAccess, readBudgets],
    tells: [catalogChanged, resourceUpdated, surfaceChanged, wrapperChanged],
    hears: [catalogChanged, connectionChanged, grantRevoked, runFinished, wrapperChanged],
  },
  'inference-poller': {
    serves: [
      ...ownedBy('inference'),
      ...surfaceRequests('inference'),
      ...operationsNamed('run_model', 'continue_run', 'get_run', 'get_task', 'list_runs', 'cancel_run'),
      ...operationsNamed('run_batch', 'get_batch', 'cancel_batch'),
    ],
    asks: [...keys, prepareRun, prepareRuns, openAsset, resolveAssets, uploadFile, makeSheet],
    tells: [runCancelRequested, runFinished, runProgressed, runQueued],
    hears: [
      ...[catalogChanged, connectionChanged, grantRevoked],
      ...[runCancelRequested, runFinished, runProgressed, runQueued],
    ],
  },
  compute: {
    serves: operationsNamed(
      'call_infra',
      'describe_infra',
      'list_infra',
      'get_infra',
      'create_infra',
      'update_infra',
      'act_on_infra',
      'delete_infra',
      'read_infra_logs',
    ),
    asks: [...keys, readAccess, readBudgets],
    tells: [],
    hears: [connectionChanged, grantRevoked],
  },
  upload: {
    serves: [
      ...ownedBy('upload'),
      ...operationsNamed(
        'create_upload',
        'upload_file',
        'view_output',
        'list_assets',
        'update_assets',
        'delete_assets',
      ),
    ],
    asks: [readOutputs, forgetPayload],
    tells: [],
    hears: [],
  },
  /** Commands beside a running system. */
  cli: { serves: [], asks: [], tells: [connectionChanged, grantRevoked, jwksChanged], hears: [] },
};

export interface NatsUser {
  /** The service: also the user's name. */
  name: string;
  /** As it stands in the file: `$NATS_PASSWORD_AUTH` is a variable of the server's environment. */
  password: string;
}

/** What a NATS server reads: users, their passwords and what each may do. Nobody else may connect. */
export function natsConfig(users: readonly NatsUser[]): string {
  const lines = users.flatMap(({ name, password }) => {
    const { publish, subscribe } = natsPermissions(name);
    return [
      '    {',
      `      user: ${JSON.stringify(name)}, password: ${password.startsWith('$') ? password : JSON.stringify(password)}`,
      '      permissions: {',
      ...permissionLines('publish', publish),
      ...permissionLines('subscribe', subscribe),
      '      }',
      '    }',
    ];
  });
  return ['authorization: {', '  users: [', ...lines, '  ]', '}', ''].join('\n');
}

function permissionLines(verb: string, { allow, deny }: SubjectRights): string[] {
  const list = (subjects: readonly string[]) =>
    subjects.map((subject) => `            ${JSON.stringify(subject)}`);
  return [
    `        ${verb}: {`,
    ...(allow.length === 0
      ? ['          deny: [">"]']
      : ['          allow: [', ...list(allow), '          ]']),
    ...(deny.length === 0 || allow.length === 0 ? [] : ['          deny: [', ...list(deny), '          ]']),
    '        }',
  ];
}

interface SubjectRights {
  allow: string[];
  deny: string[];
}

/**
 * The subjects of a service, by what the bus makes of its rights. `operator` hears everything and says nothing. A name that is not in the table is a service that an
 * operator adds: it serves operations that are not ours and requests of its own, and asks nobody.
 */
export function natsPermissions(name: string): { publish: SubjectRights; subscribe: SubjectRights } {
  if (name === 'operator') return { publish: { allow: [], deny: [] }, subscribe: { allow: ['>'], deny: [] } };
  const rights = busRights[name] ?? foreignRights(name);
  const isServing = rights.serves.length > 0;
  const deny = busRights[name] === undefined ? operations.flatMap(calledSubjects) : [];
  return {
    publish: {
      allow: [
        ...rights.asks.flatMap(calledSubjects),
        ...subjectsOf(rights.tells),
        // Its own calls alone can be cancelled.
        ...(rights.asks.length === 0 ? [] : [`cancel.v1.inbox.${name}.>`]),
        ...(isServing ? ['inbox.>'] : []),
      ],
      deny: [],
    },
    subscribe: {
      allow: [
        ...rights.serves.flatMap(calledSubjects),
        ...subjectsOf(rights.hears),
        `inbox.${name}.>`,
        ...(isServing ? ['cancel.v1.>', `orphan.v1.${name}.>`] : []),
      ],
      deny,
    },
  };
}

function foreignRights(name: string): BusRights {
  const own = [...surfaceRequests(name), { subject: `rpc.v1.${name}.>` }];
  return {
    serves: [{ subject: 'ops.v1.>' }, ...own],
    asks: [],
    tells: [surfaceChanged, resourceUpdated],
    hears: [],
  };
}

/** A call goes to the queue group, or to one instance of it, after the question which there are. */
function calledSubjects({ subject }: Called): string[] {
  return [subject, whoSubject(subject), directSubject('*', subject)];
}

function subjectsOf(contracts: readonly Told[]): string[] {
  return contracts.map(({ subject }) => subject);
}

function ownedBy(segment: string): readonly Called[] {
  return rpcs.filter(({ subject }) => subject.startsWith(`rpc.v1.${segment}.`));
}

function operationsNamed(...names: string[]): readonly Called[] {
  return names.map((name) => ({ subject: `ops.v1.${name}` }));
}

function surfaceRequests(service: string): readonly Called[] {
  const { describe, getPrompt, listResources, readResource, complete } = surfaceOf(service);
  return [describe, getPrompt, listResources, readResource, complete];
}
