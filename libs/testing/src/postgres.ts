/** Postgres on loopback, a standby of another one, and PgBouncer before one. */
import { execFile } from 'node:child_process';
import { chown, cp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type PostgresBinaries, requireBinary, requirePostgres } from './binaries.ts';
import { type LocalServer, type Owner, startLocalServer } from './local-server.ts';
import { isPostgresReady } from './probes.ts';

const run = promisify(execFile);

/** For tests: a crash of the machine may lose data, a crash of the server may not be waited for. */
const settings = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'shared_buffers=64MB',
  'unix_socket_directories=',
  'listen_addresses=127.0.0.1',
];

interface PostgresOptions {
  /** Of the user `postgres`; without one anybody on this machine may enter. */
  password?: string;
  maxConnections?: number;
  /** `name=value`, over what tests have otherwise. */
  settings?: readonly string[];
  /** It follows this one, which is restarted once, until `select pg_promote()`. */
  standbyOf?: LocalServer;
}

/** A Postgres server on loopback. */
export async function startPostgres({
  password,
  maxConnections = 200,
  settings: own = [],
  standbyOf: primary,
}: PostgresOptions = {}): Promise<LocalServer> {
  const owner = await findOwner();
  const found = await requirePostgres();
  const isClosed = owner !== undefined && !(await isOpenToAll(dirname(found.postgres)));
  return startLocalServer({
    name: 'postgres',
    command: ({ data }) => (isClosed ? copyIn(data).postgres : found.postgres),
    args: ({ port, data }) => [
      ...['-D', data, '-p', String(port)],
      ...[...settings, `max_connections=${maxConnections}`, ...own].flatMap((setting) => ['-c', setting]),
      ...(primary === undefined ? [] : ['-c', `primary_conninfo=${conninfoOf(primary.url)}`]),
    ],
    owner,
    async prepare(data) {
      if (isClosed) await cp(dirname(dirname(found.postgres)), copyIn(data).native, copyOptions);
      if (primary !== undefined) return await copyData(primary, data, owner);
      const initdb = isClosed ? copyIn(data).initdb : found.initdb;
      const pwfile = join(dirname(data), 'password');
      if (password !== undefined) {
        await writeFile(pwfile, password, { mode: 0o600 });
        if (owner !== undefined) await chown(pwfile, owner.uid, owner.gid);
      }
      const auth = password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${pwfile}`];
      const options = [...auth, '--username=postgres', '--encoding=UTF8', '--no-locale', '--no-sync'];
      await run(initdb, [`--pgdata=${data}`, ...options], { ...owner, cwd: data, timeout: 60_000 });
    },
    // A fast stop: it does not wait for clients to leave.
    stopSignal: 'SIGINT',
    isReady: isPostgresReady,
    toUrl: (port) =>
      `postgres://postgres${password === undefined ? '' : `:${password}`}@127.0.0.1:${port}/postgres`,
  });
}

/** What a standby begins with: the files of its primary, which holds still meanwhile. */
async function copyData(primary: LocalServer, data: string, owner: Owner | undefined): Promise<void> {
  await primary.kill();
  await cp(primary.data, data, { recursive: true, verbatimSymlinks: true });
  await rm(join(data, 'postmaster.pid'), { force: true });
  await writeFile(join(data, 'standby.signal'), '');
  if (owner !== undefined) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, data]);
  await primary.restart();
}

function conninfoOf(url: string): string {
  const { port, username, password } = new URL(url);
  return `host=127.0.0.1 port=${port} user=${username}${password === '' ? '' : ` password=${password}`}`;
}

/** PgBouncer before a server: a connection is somebody else's after each transaction, and there are few of them. */
export async function startPgBouncer(
  server: { port: number },
  { connections = 4 }: { connections?: number } = {},
): Promise<LocalServer> {
  const program = await requireBinary('pgbouncer');
  const owner = await findOwner();
  return startLocalServer({
    name: 'pgbouncer',
    command: () => program,
    args: ({ data }) => [join(data, 'pgbouncer.ini')],
    owner,
    async prepare(data, port) {
      const users = join(data, 'users.txt');
      const lines = [
        ...[
          '[databases]',
          `* = host=127.0.0.1 port=${server.port}`,
          '[pgbouncer]',
          'listen_addr = 127.0.0.1',
        ],
        ...[`listen_port = ${port}`, 'unix_socket_dir =', 'auth_type = trust', `auth_file = ${users}`],
        ...['pool_mode = transaction', `default_pool_size = ${connections}`, 'max_client_conn = 500'],
      ];
      await writeFile(join(data, 'pgbouncer.ini'), lines.join('\n'));
      await writeFile(users, '"postgres" ""\n');
    },
    stopSignal: 'SIGINT',
    isReady: isPostgresReady,
    toUrl: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
  });
}

/** Postgres refuses to run as root: then as the system's user for it, else as nobody. */
async function findOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const user = users.find((fields) => fields[0] === name);
    if (user !== undefined) return { uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new Error(
    'PostgreSQL does not run as root and there is no user "postgres": add one or set DATABASE_URL.',
  );
}

const copyOptions = { recursive: true, verbatimSymlinks: true };

/** Root's own folders are closed to the owner of the server: then its program is copied next to its data. */
function copyIn(data: string): PostgresBinaries & { native: string } {
  const native = join(dirname(data), 'native');
  return { native, postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
}

async function isOpenToAll(folder: string): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o001) === 0) return false;
  return dirname(folder) === folder || isOpenToAll(dirname(folder));
}
