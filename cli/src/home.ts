import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@inferry/contracts';

/** The data folder of an embedded system: database, blobs and the deployment's secret, for its owner only. */
export interface Home {
  folder: string;
  databaseUrl: string;
  blobsFolder: string;
  /** Of submits, until the database has them: the one server's own, and the one that processes over stdio share. */
  journalFolders: Readonly<Record<'http' | 'stdio', string>>;
  /** The key-encryption keys of the vault. */
  keyRingFile: string;
  secret: Secret;
}

export function openHome(folder: string, configured: string | undefined): Home {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    folder,
    databaseUrl: `sqlite:${join(folder, 'inferry.db')}`,
    blobsFolder: join(folder, 'blobs'),
    journalFolders: { http: join(folder, 'journal'), stdio: join(folder, 'journal-stdio') },
    keyRingFile: join(folder, 'keks'),
    secret: new Secret(configured ?? readOrCreateSecret(join(folder, 'secret'))),
  };
}

function readOrCreateSecret(file: string): string {
  try {
    // `wx` makes the first of two processes win; the other reads what it wrote.
    writeFileSync(file, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    chmodSync(file, 0o600);
  }
  return readFileSync(file, 'utf8').trim();
}
