/** The Runpod Hub: its listings, and a listing's release as an endpoint of one's own. */
import { randomInt } from 'node:crypto';
import { isObject } from '@inferry/contracts';
import {
  type Args,
  compact,
  type Item,
  includes,
  itemsOf,
  type NativeAnswer,
  page,
  refused,
  strings,
} from './answer.ts';
import { parsedObject } from './catalog.ts';
import type { RunpodWire } from './wire.ts';

const listingFields =
  'id repoId title description repoName repoOwner createdAt updatedAt views stars deploys language category tags type';
const savedFields =
  'id name gpuIds gpuCount workersMin workersMax idleTimeout scalerType scalerValue flashBootType templateId';

async function readListings(wire: RunpodWire, { hasConfig }: { hasConfig: boolean }): Promise<Item[]> {
  const release = `id name tagName createdAt ${hasConfig ? 'config ' : ''}build { id imageName }`;
  const query = `query { listings(input: {}) { ${listingFields} listedRelease { ${release} } } }`;
  return itemsOf(await wire.graphql('graphql', query), 'listings');
}

const repoOf = ({ repoOwner, repoName }: Item) => `${String(repoOwner)}/${String(repoName)}`;
const releaseOf = ({ listedRelease }: Item) => (isObject(listedRelease) ? listedRelease : undefined);
const isSame = (value: unknown, other: unknown) =>
  String(value ?? '').toLowerCase() === String(other ?? '').toLowerCase();

export async function listHubRepos(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const hasConfig = args.includeConfig === true;
  const { searchTerm, category, type, repoOwner } = args;
  const searched = ['title', 'description', 'repoName', 'repoOwner'];
  const wanted = (await readListings(wire, { hasConfig })).filter((listing) => {
    if (category && !isSame(listing.category, category)) return false;
    if (type && listing.type !== type) return false;
    if (repoOwner && !isSame(listing.repoOwner, repoOwner)) return false;
    if (!searchTerm) return true;
    const tags = strings(listing.tags) ?? [];
    return (
      searched.some((name) => includes(listing[name], searchTerm)) ||
      tags.some((tag) => includes(tag, searchTerm))
    );
  });
  const sorted = wanted.toSorted(
    (one, other) =>
      Number(other.deploys ?? 0) - Number(one.deploys ?? 0) ||
      String(one.title).localeCompare(String(other.title), 'en'),
  );
  return page(
    sorted.map((listing) => toRepo(listing, hasConfig)),
    args,
  );
}

function toRepo(listing: Item, hasConfig: boolean): Item {
  const {
    id,
    title,
    description,
    type,
    category,
    tags,
    language,
    stars,
    deploys,
    views,
    createdAt,
    updatedAt,
  } = listing;
  const repo = repoOf(listing);
  const release = releaseOf(listing);
  return {
    ...{ id, repo, title, description, type, category, tags, language, stars, deploys, views },
    githubUrl: `https://github.com/${repo}`,
    hubUrl: `https://console.runpod.io/hub/${repo}`,
    ...{ createdAt, updatedAt },
    listedRelease: release === undefined ? null : toRelease(release, hasConfig),
  };
}

function toRelease({ id, name, tagName, createdAt, build, config }: Item, hasConfig: boolean): Item {
  const imageName = isObject(build) ? build.imageName : undefined;
  const shown = hasConfig && config !== null && config !== undefined ? { config: configOf(config) } : {};
  return { hubReleaseId: id, name, tagName, createdAt, imageName, ...shown };
}

/** As an object where it can be read, else as it is. */
function configOf(config: unknown): unknown {
  const parsed = parsedObject(config);
  return Object.keys(parsed).length > 0 ? parsed : config;
}

/** A listing's release as a new endpoint: what the Deploy button of the Hub does. */
export async function deployHubRepo(args: Args, wire: RunpodWire): Promise<NativeAnswer> {
  const { repo, hubReleaseId } = args;
  if (!repo && !hubReleaseId)
    return refused('Pass repo ("owner/name", from list-hub-repos) or hubReleaseId.');
  const listings = await readListings(wire, { hasConfig: true });
  const listing = listings.find((one) =>
    repo ? isSame(repoOf(one), repo) : releaseOf(one)?.id === hubReleaseId,
  );
  if (listing === undefined)
    return refused('The Hub lists nothing of this name. Look for it with list-hub-repos.');
  const release = releaseOf(listing);
  const build = isObject(release?.build) ? release.build : {};
  if (release === undefined || typeof build.imageName !== 'string') {
    return refused(`${repoOf(listing)} has no release that could be deployed.`);
  }
  if (hubReleaseId && release.id !== hubReleaseId) {
    return refused(`${repoOf(listing)} lists another release than that one: ${String(release.id)}.`);
  }
  if (listing.type !== 'SERVERLESS') {
    return refused(`${repoOf(listing)} is for pods and no endpoint: run its image with create-pod.`);
  }
  const config = parsedObject(release.config);
  const gpuIds = args.gpuIds ?? config.gpuIds;
  if (typeof gpuIds !== 'string' || gpuIds === '') {
    return refused('The release names no GPU: pass gpuIds, such as "ADA_24".');
  }
  const env = environmentOf(config, isObject(args.env) ? args.env : {});
  if ('missing' in env) return refused(`The worker needs these variables in env: ${env.missing.join(', ')}.`);
  const input = inputOf(args, {
    listing,
    release,
    config,
    gpuIds,
    imageName: build.imageName,
    env: env.list,
  });
  const mutation = `mutation saveEndpoint($input: EndpointInput!) { saveEndpoint(input: $input) { ${savedFields} } }`;
  const { saveEndpoint: endpoint } = await wire.graphql('account', mutation, {
    variables: { input },
    purpose: 'submit',
  });
  const deployed = {
    repo: repoOf(listing),
    release: release.tagName ?? release.name,
    hubReleaseId: release.id,
    imageName: build.imageName,
  };
  const note =
    'Its workers are billed by the second while they run. Call it with run-endpoint, once one has started.';
  return { body: { endpoint, deployed, note } };
}

interface Deployment {
  listing: Item;
  release: Item;
  config: Item;
  gpuIds: string;
  imageName: string;
  env: Variable[];
}

function inputOf(args: Args, { listing, release, config, gpuIds, imageName, env }: Deployment): Item {
  const name = args.name ?? `${String(listing.title)} ${String(release.tagName ?? release.name)}`;
  const versions = strings(config.allowedCudaVersions) ?? [];
  return compact({
    name,
    hubReleaseId: release.id,
    type: 'QB',
    gpuIds,
    gpuCount: args.gpuCount ?? config.gpuCount ?? 1,
    workersMin: args.workersMin ?? 0,
    // The platform decides, where nobody says.
    workersMax: args.workersMax ?? null,
    idleTimeout: args.idleTimeout ?? 5,
    scalerType: args.scalerType ?? 'QUEUE_DELAY',
    scalerValue: args.scalerValue ?? 4,
    executionTimeoutMs: args.executionTimeoutMs ?? 600_000,
    flashBootType: args.flashboot ?? 'FLASHBOOT',
    locations: null,
    networkVolumeIds: null,
    compliance: [],
    modelReferences: [],
    minCudaVersion: lowest(versions),
    allowedCudaVersions: versions.length === 0 ? undefined : versions.join(','),
    template: {
      name: `${String(name)}__template__${randomInt(36 ** 6).toString(36)}`,
      imageName,
      containerDiskInGb: args.containerDiskInGb ?? config.containerDiskInGb ?? 20,
      containerRegistryAuthId: '',
      dockerArgs: '',
      startScript: '',
      ports: '',
      env,
    },
  });
}

function lowest(versions: readonly string[]): string | undefined {
  const parts = (version: string) => version.split('.').map(Number);
  return versions.toSorted((one, other) => {
    const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [parts(one), parts(other)];
    return major - otherMajor || minor - otherMinor;
  })[0];
}

interface Variable {
  key: string;
  value: string;
}

/** The variables that a release declares, with what the caller gave for them, and the caller's own after them. */
function environmentOf(
  { env: declared }: Item,
  given: Readonly<Record<string, unknown>>,
): { list: Variable[] } | { missing: string[] } {
  const known = (Array.isArray(declared) ? declared.filter(isObject) : []).map((one) => {
    const input = isObject(one.input) ? one.input : {};
    const key = String(one.key);
    const value = [given[key], input.default, one.value].find((each) => !isNothing(each));
    return { key, value, input };
  });
  const missing = known.filter(({ value, input }) => value === undefined && input.required === true);
  if (missing.length > 0) return { missing: missing.map(({ key }) => key) };
  const own = Object.entries(given).filter(
    ([key, value]) => !isNothing(value) && !known.some((one) => one.key === key),
  );
  return {
    list: [
      ...known.flatMap(({ key, value, input }) =>
        value === undefined ? [] : [{ key, value: toText(value, input) }],
      ),
      ...own.map(([key, value]) => ({ key, value: String(value) })),
    ],
  };
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** Authors say what their switches are called: `1` for true. */
function toText(value: unknown, { type, trueValue, falseValue }: Item): string {
  const word = String(value);
  if (type !== 'boolean' || !/^(true|false)$/i.test(word)) return word;
  const named = word.toLowerCase() === 'true' ? trueValue : falseValue;
  return named === undefined ? word : String(named);
}
