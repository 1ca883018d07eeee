/** The calls of Runpod's own MCP server, by name, and which version of the platform's REST API answers each. */
import { createHash } from 'node:crypto';
import { AppError } from '@inferry/contracts';
import type { PlatformClient } from '../../http/index.ts';
import { secretsOf } from '../../http/platform-client.ts';
import type { ProviderContext } from '../../provider.ts';
import { type Args, bodyWithoutSecrets, type NativeAnswer, type NativeCall, refused } from './answer.ts';
import {
  getCapacity,
  listDataCentersV1,
  listGpuTypes,
  listGpuTypesV1,
  listPublicEndpoints,
} from './catalog.ts';
import { callV4, refusalOfArguments } from './edition-4.ts';
import { createEndpoint, updateEndpoint } from './endpoints.ts';
import { setEndpointGpus } from './gpus.ts';
import { deployHubRepo, listHubRepos } from './hub.ts';
import {
  cancelJob,
  endpointHealth,
  getJobStatus,
  podLogs,
  purgeQueue,
  QueueDiagnoses,
  retryJob,
  runEndpoint,
  runsyncEndpoint,
  streamJob,
  workerLogs,
} from './jobs.ts';
import { createPod } from './pods.ts';
import { rows, sendRow } from './regular.ts';
import type { Rest } from './sent-once.ts';
import { SharedReads } from './shared-reads.ts';
import type { RestKind, RestVersions } from './versions.ts';
import { type Caller, type Edition, RunpodWire, type WireOptions } from './wire.ts';

/** A call of either version; one that is missing has a notice instead. */
interface Versioned {
  kind: RestKind;
  v1?: NativeCall;
  v2: NativeCall;
}

/** Calls that no version of REST has: GraphQL and the runtime. */
const unversioned: Readonly<Record<string, NativeCall>> = {
  'get-capacity': getCapacity,
  'list-hub-repos': listHubRepos,
  'deploy-hub-repo': deployHubRepo,
  'list-public-endpoints': listPublicEndpoints,
  'set-endpoint-gpus': setEndpointGpus,
  'run-endpoint': runEndpoint,
  'runsync-endpoint': runsyncEndpoint,
  'stream-job': streamJob,
  'cancel-job': cancelJob,
  'retry-job': retryJob,
  'endpoint-health': endpointHealth,
  'purge-endpoint-queue': purgeQueue,
};

const both =
  (call: (args: Args, wire: RunpodWire, rest: Rest) => Promise<NativeAnswer>, rest: Rest): NativeCall =>
  (args, wire) =>
    call(args, wire, rest);

const irregular: Readonly<Record<string, Versioned>> = {
  'list-gpu-types': { kind: 'GPUS', v1: listGpuTypesV1, v2: listGpuTypes },
  'create-pod': { kind: 'PODS', v1: both(createPod, 'v1'), v2: both(createPod, 'v2') },
  'create-endpoint': { kind: 'ENDPOINTS', v1: both(createEndpoint, 'v1'), v2: both(createEndpoint, 'v2') },
  'update-endpoint': { kind: 'ENDPOINTS', v1: both(updateEndpoint, 'v1'), v2: both(updateEndpoint, 'v2') },
  'stream-pod-logs': { kind: 'PODS', v2: podLogs },
  'stream-worker-logs': { kind: 'ENDPOINTS', v2: workerLogs },
};

/** A row of the table as calls; version 1 has the data centres in GraphQL. */
function versioned(name: string): Versioned | undefined {
  const row = rows[name];
  if (row === undefined) return irregular[name];
  const { kind, v1, v2 } = row;
  const second: NativeCall = (args, wire) => sendRow({ side: v2, base: 'rest' }, args, wire);
  if (name === 'list-data-centers') return { kind, v1: listDataCentersV1, v2: second };
  return v1 === undefined
    ? { kind, v2: second }
    : { kind, v1: (args, wire) => sendRow({ side: v1, base: 'rest1' }, args, wire), v2: second };
}

export interface NativeRequest {
  name: string;
  args: Args;
  edition: Edition;
  caller: Caller;
  context: ProviderContext;
  /** The arguments that there are and that there have to be, where edition 4 refuses others in its own words. */
  accepted?: readonly string[] | undefined;
  required?: readonly string[] | undefined;
}

export interface RunpodControlOptions extends Pick<WireOptions, 'now' | 'pause'> {
  client: PlatformClient;
  versions: RestVersions;
}

/** The control plane and the runtime of Runpod, as its own tools call them. */
export class RunpodControl {
  readonly #options: RunpodControlOptions;
  readonly #queue = new QueueDiagnoses();
  readonly #reads = new SharedReads();
  /** Keys for which version 2 is known to be there or not: what one sees is not told to another. */
  readonly #probed = new Map<string, Rest>();

  constructor(options: RunpodControlOptions) {
    this.#options = options;
  }

  /** Throws `AppError` for what failed; what a tool says in its own words comes as a body with `isError`. */
  async call(request: NativeRequest): Promise<NativeAnswer> {
    const answer = await this.#answer(request);
    return { ...answer, body: bodyWithoutSecrets(answer.body, secretsOf(request.context)) };
  }

  async #answer(request: NativeRequest): Promise<NativeAnswer> {
    const { name, args, edition, caller, context } = request;
    const { client, now, pause } = this.#options;
    const wire = new RunpodWire({ client, context, caller, edition, now, pause, reads: this.#reads });
    if (edition === '4.0.0') {
      return refusalOfArguments(request) ?? callV4(name, args, { wire, queue: this.#queue });
    }
    if (name === 'get-job-status') {
      const rest = await this.#restOf('ENDPOINTS', wire);
      return getJobStatus(args, wire, rest === 'v2' ? this.#queue : undefined);
    }
    const plain = unversioned[name];
    if (plain !== undefined) return plain(args, wire);
    const call = versioned(name);
    if (call === undefined) throw new AppError('tool_not_available', 'Runpod has no such call.');
    if ((await this.#restOf(call.kind, wire)) === 'v2') return call.v2(args, wire);
    if (call.v1 !== undefined) return call.v1(args, wire);
    return refused(`${name} needs version 2 of the REST API: RUNPOD_REST_VERSION=v2.`, 501);
  }

  /** `auto` is version 1 for callers over HTTP; on stdio version 2 is asked for once (RP-66). */
  async #restOf(kind: RestKind, wire: RunpodWire): Promise<Rest> {
    const version = this.#options.versions[kind];
    if (version !== 'auto') return version;
    if (wire.caller.transport === 'http') return 'v1';
    const holder = createHash('sha256')
      .update(wire.context.credential?.reveal() ?? '')
      .digest('base64');
    const known = this.#probed.get(holder);
    if (known !== undefined) return known;
    const reply = await wire.send({ base: 'rest', path: '/catalog/gpus' }).catch(() => undefined);
    const rest = reply !== undefined && reply.status < 400 ? 'v2' : 'v1';
    // A refusal of the key or an outage says nothing of the version: it is asked for again.
    const isCertain = rest === 'v2' || reply?.status === 404;
    if (isCertain && this.#probed.size < 1_000) this.#probed.set(holder, rest);
    return rest;
  }
}
