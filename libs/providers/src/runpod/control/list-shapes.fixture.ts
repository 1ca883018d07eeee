/** What lists of the platform's REST API look like, beside those that were seen: what is gone, and what is of another type. */
import { isObject } from '@inferry/contracts';
import { shared, vectors } from './observed-calls.fixture.ts';

interface List {
  path: string;
  /** Where the items are. */
  key: string;
  /** Of each item: without it the tools and the quotes tell less. Others may be missing, as with a machine that is stopped. */
  needs: readonly string[];
}

export const lists: readonly List[] = [
  { path: '/pods', key: 'pods', needs: ['id', 'name', 'image', 'status', 'cost'] },
  { path: '/serverless', key: 'endpoints', needs: ['id', 'name', 'type', 'workers'] },
  { path: '/templates', key: 'templates', needs: ['id', 'name', 'image', 'serverless'] },
  { path: '/network-volumes', key: 'networkVolumes', needs: ['id', 'name', 'size', 'dataCenter'] },
  { path: '/registries', key: 'registries', needs: ['id', 'name'] },
  { path: '/catalog/gpus', key: 'gpus', needs: ['id', 'name', 'pool', 'memory', 'secure', 'community'] },
  { path: '/catalog/cpus', key: 'cpus', needs: ['id', 'name', 'vcpu', 'price'] },
  { path: '/catalog/datacenters', key: 'dataCenters', needs: ['id', 'name', 'region'] },
];

/** The types seen at each path; items of lists share one. */
type Shape = Map<string, Set<string>>;

/** Their keys are the user's. */
const maps: ReadonlySet<string> = new Set(['env']);

function addTo(shape: Shape, value: unknown, path = ''): Shape {
  const type = Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;
  shape.set(path, (shape.get(path) ?? new Set()).add(type));
  if (Array.isArray(value)) for (const item of value) addTo(shape, item, `${path}[]`);
  else if (isObject(value) && !maps.has(path.split('.').at(-1) ?? '')) {
    for (const [key, inner] of Object.entries(value))
      addTo(shape, inner, path === '' ? key : `${path}.${key}`);
  }
  return shape;
}

/** Every good answer to the list that was seen, as one shape. */
function seenShape({ path, key }: List): Shape {
  const shape: Shape = new Map();
  for (const { asks = [], replies = [] } of vectors) {
    for (const [at, [method, url]] of asks.entries()) {
      const [status, , body] = replies[at] ?? [];
      const answer = shared[body ?? -1];
      const isThis = method === 'GET' && url.split('?')[0] === `{rest_v2}${path}` && status === 200;
      if (isThis && isObject(answer) && Array.isArray(answer[key])) addTo(shape, answer);
    }
  }
  return shape;
}

/** Nothing is known of a null, and a field that nobody saw before breaks nothing. */
function retyped(seen: Shape, shape: Shape): string[] {
  return [...shape].flatMap(([path, types]) => {
    const known = [...(seen.get(path) ?? [])].filter((type) => type !== 'null');
    const other = [...types].filter((type) => type !== 'null' && !known.includes(type));
    if (known.length === 0 || other.length === 0) return [];
    return [`${path || 'the answer'} is ${other.join(' or ')}, and was ${known.join(' or ')}`];
  });
}

/** What an answer has otherwise than those that were seen: nothing where all is as it was, or the list is empty. */
export function changesOf(list: List, answer: unknown): string[] {
  const seen = seenShape(list);
  if (seen.size === 0) throw new Error(`no answer of ${list.path} was seen`);
  const changes = retyped(seen, addTo(new Map(), answer));
  const items = isObject(answer) ? answer[list.key] : undefined;
  if (isObject(answer) && items === undefined) changes.push(`${list.key} is gone`);
  const missing = list.needs.filter(
    (name) => Array.isArray(items) && items.some((item) => isObject(item) && !(name in item)),
  );
  return [...changes, ...missing.map((name) => `${list.key}[].${name} is gone`)].map(
    (change) => `${list.path}: ${change}`,
  );
}

/** Asks all lists, which costs nothing and changes nothing. */
export async function changedLists(base: string, key: string): Promise<string[]> {
  const changes: string[] = [];
  for (const list of lists) {
    const reply = await fetch(`${base}${list.path}`, { headers: { authorization: `Bearer ${key}` } });
    if (reply.ok) changes.push(...changesOf(list, await reply.json().catch(() => 'no JSON')));
    else changes.push(`${list.path}: HTTP ${reply.status}`);
  }
  return changes;
}
