import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Blobs, createFolderBlobs } from '@inferry/blobs';
import { type Bus, createBus, createInProcessTransport } from '@inferry/bus';
import { type AnyOperation, AppError, type Principal, Secret } from '@inferry/contracts';
import { type Database, openDatabase } from '@inferry/database';
import { createInProcessLimits, type Limits } from '@inferry/limits';
import { canonicalTool } from '@inferry/profiles';
import { createHttpApp, type HttpService, portOf } from '@inferry/runtime';
import { pino } from 'pino';
import { createUploadService, type UploadOptions } from './service.ts';

/** The whole service on the embedded parts and real sockets. For tests only. */
export interface UploadUnderTest {
  base: string;
  bus: Bus;
  database: Database;
  blobs: Blobs;
  limits: Limits;
  service: HttpService;
  tool(operation: AnyOperation, args: unknown, options?: ToolOptions): Promise<Answer>;
  /** One more replica on the same database, blobs and limits; the URL that it listens on. */
  addReplica(): Promise<string>;
  keys(): Promise<string[]>;
  /** As if the store of limits and locks were gone. */
  breakLimits(): void;
  /** As if the disk were gone. */
  breakStorage(): Promise<void>;
  close(): Promise<void>;
}

export interface ToolOptions {
  principal?: Principal;
  callId?: string | undefined;
  attachment?: string;
}

/** A tool result as a client sees it; which fields are there depends on the tool and its outcome. */
export interface Answer {
  content: { type: string; text: string; data: string; mimeType: string }[];
  structuredContent: Record<string, unknown> & {
    asset_id: string;
    file_url: string;
    upload_url: string;
    curl: string;
    part_url: string;
    part_count: number;
    part_bytes: number;
    error: { code: string; message: string; next_action: string };
  };
  isError?: boolean;
}

export const alice: Principal = { subject: 'alice', grant_id: 'g1', kind: 'api_key', scopes: ['mcp'] };
export const bob: Principal = { subject: 'bob', grant_id: 'g2', kind: 'api_key', scopes: ['mcp'] };

export async function startUpload(options: Partial<UploadOptions> = {}): Promise<UploadUnderTest> {
  const folder = await mkdtemp(path.join(tmpdir(), 'inferry-upload-'));
  const database = openDatabase({ url: 'sqlite::memory:' });
  await database.migrate();
  const transport = createInProcessTransport();
  const bus = createBus(transport, { name: 'upload' });
  const blobs = createFolderBlobs({ folder });
  const limits = createInProcessLimits();
  const log = pino({ level: 'silent' });
  const closers: (() => Promise<unknown>)[] = [];
  let base = '';

  async function listen(onBus: Bus): Promise<{ service: HttpService; url: string }> {
    const parts = { bus: onBus, database, blobs, limits, log, replica: randomBytes(4).toString('hex') };
    const service = await createUploadService(parts, {
      publicUrl: () => base,
      internalUrl: () => base,
      filesSecret: new Secret('files-secret-of-the-tests'),
      ...options,
    });
    const app = await createHttpApp([service]);
    await app.listen({ host: '127.0.0.1', port: 0 });
    closers.push(
      () => service.drain(100),
      () => app.close(),
      () => service.close(),
    );
    return { service, url: `http://127.0.0.1:${portOf(app)}` };
  }

  const first = await listen(bus);
  base = first.url;
  return {
    base,
    bus,
    database,
    blobs,
    limits,
    service: first.service,
    async tool(operation, args, { principal = alice, ...rest } = {}) {
      return JSON.parse(await bus.callTool(canonicalTool(operation), args, { principal, ...rest }));
    },
    breakLimits() {
      const refuse = () => Promise.reject(new AppError('unavailable', 'away'));
      Object.assign(limits, { acquire: refuse, release: refuse, hit: refuse, ping: refuse });
    },
    async addReplica() {
      const otherBus = createBus(createInProcessTransport(), { name: 'upload' });
      closers.push(() => otherBus.close());
      return (await listen(otherBus)).url;
    },
    async keys() {
      const keys: string[] = [];
      for await (const { key } of blobs.list('')) keys.push(key);
      return keys.sort();
    },
    async breakStorage() {
      await rm(folder, { recursive: true });
      await writeFile(folder, '');
    },
    async close() {
      for (const close of closers) await close();
      await bus.close();
      await transport.close();
      await Promise.all([limits.close(), database.close(), blobs.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
