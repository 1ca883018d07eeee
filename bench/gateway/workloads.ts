import { doneRun, quickText, steps, stepsRun } from './servers/answers.ts';

/** One kind of request, and what its answer must be. */
export interface Workload {
  name: string;
  label: string;
  /** With `__ID__` where each request puts its own id; undefined: only the head is sent. */
  body: string | undefined;
  headers: Readonly<Record<string, string>>;
  status: number;
  /** Part of every good answer. */
  expect: string;
  /** `notifications/progress` in every good answer. */
  progress: number;
  /** Where it is sent; `/mcp` where it says nothing. */
  path?: string;
  /** Opens a connection for each request: of its own will, or because the answer closes it. */
  connection: 'kept' | 'new';
}

const apiKey = 'ifr_bench_0123456789abcdef';

const common = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${apiKey}`,
  'user-agent': 'inferry-bench/1.0',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const legacy = { ...common, 'mcp-protocol-version': '2025-06-18' };
const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const good = { status: 200, progress: 0, connection: 'kept' } as const;
const quick = { name: 'get_account', arguments: { sections: ['identity'] } };

function body(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id: '__ID__', method, params }).replaceAll('"__ID__"', '__ID__');
}

function modern(method: string, name?: string): Record<string, string> {
  const named = name === undefined ? {} : { 'mcp-name': name };
  return { ...common, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...named };
}

const quickCall: Workload = {
  ...good,
  name: 'quick_call',
  label: 'quick call',
  body: body('tools/call', quick),
  headers: legacy,
  expect: quickText,
};

/** What every server is asked. */
export const workloads: readonly Workload[] = [
  {
    ...good,
    name: 'initialize',
    label: 'initialize',
    body: body('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1.0.0' },
    }),
    headers: common,
    expect: '"protocolVersion"',
  },
  {
    ...good,
    name: 'list',
    label: 'tools/list',
    body: body('tools/list', {}),
    headers: legacy,
    expect: '"inputSchema"',
  },
  quickCall,
  {
    ...good,
    name: 'progress_call',
    label: `call with ${steps} progress messages`,
    body: body('tools/call', {
      name: 'get_run',
      arguments: { run_id: 'run_bench' },
      _meta: { progressToken: '__ID__' },
    }),
    headers: legacy,
    expect: `sent ${steps}`,
    progress: steps,
  },
  {
    ...good,
    name: 'discover',
    label: 'server/discover',
    body: body('server/discover', { _meta: envelope }),
    headers: modern('server/discover'),
    expect: '"supportedVersions"',
  },
  {
    ...good,
    name: 'quick_call_2026',
    label: 'quick call, 2026-07-28',
    body: body('tools/call', { ...quick, _meta: envelope }),
    headers: modern('tools/call', quick.name),
    expect: quickText,
  },
];

/** A canonical call and one at the mount of a profile that lead to the same operation, with the same input. */
export interface MountPair {
  name: string;
  label: string;
  canonical: Workload;
  profile: Workload;
}

function mountPair(
  { name, label, run }: { name: string; label: string; run: string },
  expect: string,
): MountPair {
  const call = (tool: string, args: object) => body('tools/call', { name: tool, arguments: args });
  const include = ['outputs', 'upstream'];
  return {
    name,
    label,
    canonical: { ...quickCall, name, label, body: call('get_run', { run_id: run, include }), expect },
    profile: {
      ...quickCall,
      ...{ name, label, expect },
      path: '/mcp/modelrunner',
      body: call('get_request', { requestId: run }),
    },
  };
}

/** By what the answer is: a run with its output, in about as many bytes, and one that tells ten steps on the bus before. */
export const mountPairs: readonly MountPair[] = [
  mountPair(
    { name: 'profile_call', label: 'a run that is over', run: doneRun.run_id },
    doneRun.outputs[0].url,
  ),
  mountPair(
    { name: 'profile_steps', label: `the same after ${steps} steps`, run: stepsRun },
    doneRun.outputs[0].url,
  ),
];

/** What only our gateway is asked: what it refuses, beside what it accepts on a connection of its own. */
export const edgeWorkloads: readonly Workload[] = [
  { ...quickCall, name: 'quick_call_new_connection', label: 'quick call, new connection', connection: 'new' },
  {
    ...quickCall,
    name: 'refuse_401',
    label: '401, no credential',
    headers: Object.fromEntries(Object.entries(legacy).filter(([name]) => name !== 'authorization')),
    status: 401,
    expect: '"missing_authorization"',
  },
  {
    ...quickCall,
    name: 'refuse_403',
    label: '403, foreign Host',
    headers: { ...legacy, host: 'rebound.example' },
    status: 403,
    expect: '"host_rejected"',
  },
  {
    ...quickCall,
    name: 'refuse_413',
    label: '413, body too large, new connection',
    body: undefined,
    // The header names the tool, so that the length alone decides; a call with a file may be longer.
    headers: { ...modern('tools/call', quick.name), 'content-length': String(300 * 1_024) },
    status: 413,
    expect: '"body_too_large"',
    connection: 'new',
  },
  {
    ...quickCall,
    name: 'real_get_model',
    label: 'get_model of the real catalog',
    body: body('tools/call', { name: 'get_model', arguments: { model: 'local/summarize' } }),
    expect: '"local/summarize"',
  },
];

/** Asked of a gateway whose window is used up. */
export const overLimit: Workload = {
  ...quickCall,
  name: 'refuse_429',
  label: '429, window used up',
  // A credential of its own: the window of the other one is far too full to be real.
  headers: { ...legacy, authorization: 'Bearer ifr_limited_0123456789abcdef' },
  status: 429,
  expect: '"rate_limited"',
};

/** A call that stays open, with progress all the while. */
export function waitWorkload(seconds: number): Workload {
  return {
    ...quickCall,
    name: 'wait',
    label: 'open wait',
    body: body('tools/call', {
      name: 'get_run',
      arguments: { run_id: 'run_bench', wait_seconds: seconds },
      _meta: { progressToken: '__ID__' },
    }),
  };
}

/** Runpod's server has tools of its own; this one makes one GET, and it has none that makes less. */
export const runpodCall: Workload = {
  ...quickCall,
  body: body('tools/call', { name: 'get-registry', arguments: { id: 'reg_1' } }),
};

const withKey = { ...legacy, authorization: 'Bearer rpa_bench' };
const readPod = (id: string) => body('tools/call', { name: 'get-pod', arguments: { id } });

/** What a client asks of Runpod's server, which ours has by the same names: each step of its visit, and calls on an open session. */
export const infraWorkloads: readonly Workload[] = [
  ...workloads
    .filter(({ name }) => name === 'initialize' || name === 'list')
    .map((workload) => ({
      ...workload,
      headers: { ...workload.headers, authorization: withKey.authorization },
    })),
  {
    ...quickCall,
    name: 'call',
    label: 'get-pod, of pods that differ',
    headers: withKey,
    body: readPod('p__ID__'),
  },
  { ...quickCall, name: 'same_call', label: 'get-pod, of one pod', headers: withKey, body: readPod('p1') },
];

const ring = 512;

/** The bytes of requests whose ids differ, so that no two under way at once share one. */
export function toRequests({ headers, body: text, path = '/mcp' }: Workload, port: number): Buffer[] {
  return Array.from({ length: ring }, (_, index) => {
    const content = text?.replaceAll('"__ID__"', '__ID__').replaceAll('__ID__', String(index + 1)) ?? '';
    const all = {
      host: `127.0.0.1:${port}`,
      ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(content)) }),
      ...headers,
    };
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('')}\r\n${content}`);
  });
}
