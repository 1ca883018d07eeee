/**
 * `backup` and `restore`: everything that a deployment keeps, to a folder or a bucket and back. The database is read as it is at
 * one moment; a blob never changes under its key, so that whatever the rows of that moment name can be copied after it.
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { createGunzip, createGzip } from 'node:zlib';
import { type Blobs, createFolderBlobs } from '@inferry/blobs';
import { AppError, ConfigError } from '@inferry/contracts';
import { type Dump, type DumpRow, dumpDatabase, loadDatabase, openDatabase } from '@inferry/database';
import { type BlobsConfig, type Env, parseRuntimeConfig } from '@inferry/runtime';
import { z } from 'zod';
import { parseStartConfig } from '../config.ts';
import { openHome } from '../home.ts';

const Manifest = z.object({
  format: z.literal(1),
  taken_at: z.string(),
  migrations: z.array(z.string()),
  /** Rows, and the sum of what is stored. */
  tables: z.record(z.string(), z.object({ rows: z.int(), sha256: z.string() })),
  blobs: z.int(),
  /** Files that were deleted while the backup was taken. */
  gone: z.int(),
});
type Manifest = z.infer<typeof Manifest>;

interface Place {
  databaseUrl: string;
  blobs: Blobs;
  /** Of an embedded system: what else must be kept. */
  secrets: string;
}

/** `npm run backup -- --to <folder|s3://bucket>`. Several backups in one place share the files that they have in common. */
export async function backup(args: readonly string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { to: { type: 'string' } } });
  if (values.to === undefined) throw new ConfigError(['usage: npm run backup -- --to <folder|s3://bucket>']);
  const place = await openPlace(env);
  const target = await openTarget(values.to, env);
  const database = openDatabase({ url: place.databaseUrl, maxConnections: 2, statementTimeoutMs: 600_000 });
  try {
    const takenAt = new Date();
    const name = takenAt.toISOString().toLowerCase().replaceAll(/[:.]/g, '-');
    const manifest = await dumpDatabase(database, (dump) => writeTables(dump, { target, name, takenAt }));
    const keys = manifest.keys;
    let gone = 0;
    for (const key of keys) if (!(await copyBlob(place.blobs, target, key))) gone += 1;
    const whole: Manifest = { ...manifest.manifest, blobs: keys.length - gone, gone };
    // Last: a backup without it was broken off.
    await target.put(`${name}/manifest`, Readable.from([JSON.stringify(whole, undefined, 2)]));
    const rows = Object.values(whole.tables).reduce((sum, table) => sum + table.rows, 0);
    process.stdout.write(
      `${name}: ${rows} rows, ${whole.blobs} files. It is of no use without ${place.secrets}: keep them elsewhere.\n`,
    );
    return 0;
  } finally {
    await Promise.all([database.close(), place.blobs.close(), target.close()]);
  }
}

async function writeTables(
  dump: Dump,
  { target, name, takenAt }: { target: Blobs; name: string; takenAt: Date },
): Promise<{ manifest: Omit<Manifest, 'blobs' | 'gone'>; keys: string[] }> {
  const tables: Manifest['tables'] = {};
  const keys: string[] = [];
  for (const table of dump.tables) {
    let rows = 0;
    async function* lines(): AsyncGenerator<string> {
      for await (const row of dump.rows(table)) {
        rows += 1;
        if (table === 'assets' && row.state === 'stored' && typeof row.blob_key === 'string')
          keys.push(row.blob_key);
        yield `${JSON.stringify(row)}\n`;
      }
    }
    const packed = createGzip();
    const [{ sha256 }] = await Promise.all([
      target.put(`${name}/tables/${table}`, packed),
      pipeline(Readable.from(lines()), packed),
    ]);
    tables[table] = { rows, sha256 };
  }
  const { migrations } = dump;
  return { manifest: { format: 1, taken_at: takenAt.toISOString(), migrations, tables }, keys };
}

/** False when it is not there any more: somebody deleted it meanwhile. */
async function copyBlob(from: Blobs, to: Blobs, key: string): Promise<boolean> {
  if ((await to.head(`blobs/${key}`)) !== undefined) return true;
  try {
    await to.put(`blobs/${key}`, await from.get(key));
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'asset_not_found') return false;
    throw error;
  }
}

/**
 * `npm run restore -- --from <folder|s3://bucket> [--name …] [--stopped]`: into an empty database. Runs that waited when the
 * backup was taken may have been sent since: their platforms are asked first, unless `--stopped` says that nothing ran since.
 */
export async function restore(args: readonly string[], env: Env): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: 'string' },
      name: { type: 'string' },
      stopped: { type: 'boolean', default: false },
    },
  });
  if (values.from === undefined)
    throw new ConfigError([
      'usage: npm run restore -- --from <folder|s3://bucket> [--name <name>] [--stopped]',
    ]);
  const place = await openPlace(env);
  const source = await openTarget(values.from, env);
  try {
    const name = values.name ?? (await newestIn(source));
    const manifest = Manifest.parse(JSON.parse(await textOf(source, `${name}/manifest`)));
    const dump: Dump = {
      migrations: manifest.migrations,
      // In the order in which they were written: others' rows name those of the first.
      tables: Object.keys(manifest.tables),
      rows: (table) => readTable(source, { key: `${name}/tables/${table}`, ...manifest.tables[table] }),
    };
    // First the files: rows that name them are worth nothing without.
    let files = 0;
    for await (const { key } of source.list('blobs/')) {
      const own = key.slice('blobs/'.length);
      if ((await place.blobs.head(own)) === undefined) await place.blobs.put(own, await source.get(key));
      files += 1;
    }
    const options = { url: place.databaseUrl, isStopped: values.stopped, now: Date.now() };
    const counts = await loadDatabase(dump, options);
    const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
    process.stdout.write(`${name}: ${rows} rows, ${files} files. Put ${place.secrets} back, then start.\n`);
    return 0;
  } finally {
    await Promise.all([place.blobs.close(), source.close()]);
  }
}

async function newestIn(source: Blobs): Promise<string> {
  const names: string[] = [];
  for await (const { key } of source.list(''))
    if (key.endsWith('/manifest')) names.push(key.split('/')[0] ?? '');
  const newest = names.sort().at(-1);
  if (newest === undefined) throw new ConfigError(['--from: no whole backup is there']);
  return newest;
}

async function textOf(source: Blobs, key: string): Promise<string> {
  return Buffer.concat(await (await source.get(key)).toArray()).toString('utf8');
}

/** The rows of a table; what is not as it was written is refused at its end, before anything is kept of it. */
async function* readTable(
  source: Blobs,
  { key, sha256 }: { key: string; sha256?: string },
): AsyncGenerator<DumpRow> {
  const hash = createHash('sha256');
  const stored = await source.get(key);
  stored.on('data', (chunk: Buffer) => hash.update(chunk));
  const unpacked = createGunzip();
  const reading = pipeline(stored, unpacked);
  reading.catch(() => undefined);
  for await (const line of createInterface({ input: unpacked })) {
    // as: the backup wrote rows; a database takes nothing else.
    yield JSON.parse(line) as DumpRow;
  }
  await reading;
  if (hash.digest('hex') !== sha256) throw new AppError('upload_mismatch', `${key} is not what was written.`);
}

/** Where the deployment of the environment keeps what it has. */
async function openPlace(env: Env): Promise<Place> {
  const { databaseUrl, blobs } = parseRuntimeConfig(env);
  if (databaseUrl !== undefined) {
    if (blobs === undefined)
      throw new ConfigError(['BLOBS_FOLDER or S3_BUCKET: must be set beside DATABASE_URL']);
    return { databaseUrl, blobs: await openBlobs(blobs), secrets: 'INFERRY_SECRET and AUTH_KEKS' };
  }
  const home = openHome(parseStartConfig({ ...env, HOST: '127.0.0.1' }).home, undefined);
  const folder = await createFolderBlobs({ folder: home.blobsFolder });
  const secrets = `the files secret and keks of ${home.folder}`;
  return { databaseUrl: home.databaseUrl, blobs: folder, secrets };
}

/** A folder, or a bucket with the address and keys of S3_*. */
async function openTarget(target: string, env: Env): Promise<Blobs> {
  const [, bucket] = /^s3:\/\/([^/]+)\/?$/.exec(target) ?? [];
  if (bucket === undefined) return createFolderBlobs({ folder: target });
  const { blobs } = parseRuntimeConfig({ ...env, S3_BUCKET: bucket });
  if (blobs === undefined) throw new ConfigError([`${target}: is no bucket`]);
  return openBlobs(blobs);
}

async function openBlobs(config: BlobsConfig): Promise<Blobs> {
  if (config.kind === 'folder') return createFolderBlobs({ folder: config.folder });
  const { createS3Blobs } = await import('@inferry/blobs/s3');
  return createS3Blobs(config);
}
