import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type Env, envInt, parseEnv } from '@inferry/runtime';
import { z } from 'zod';

const UploadEnv = z.object({
  /** How long a one-time upload URL lives; large files get longer, at most 24 hours. */
  UPLOAD_URL_SECONDS: envInt(60, 86_400).default(900),
  /** How long a link to a file lives; unset: as long as the file. */
  FILE_URL_SECONDS: envInt(60, 31_536_000).optional(),
  /** Bytes and files that one tenant may store, besides the outputs of runs, which count; 0: as many as there is room for. */
  MAX_STORED_BYTES: envInt(0, Number.MAX_SAFE_INTEGER).default(53_687_091_200),
  MAX_STORED_FILES: envInt(0, 1_000_000_000).default(100_000),
  /** How long a file lives that is given no end; unset: for ever. */
  FILE_RETENTION_SECONDS: envInt(60, 3_153_600_000).optional(),
  /** The program that decodes video we cannot; unset: `ffmpeg` on PATH, if it is there. */
  FFMPEG_PATH: z.string().optional(),
  /** Pictures and films that are decoded at once, each in a process of its own. */
  VIEWS_AT_ONCE: envInt(1, 16).default(1),
  /** What decoding one may take in memory, in MB, beside some 100 of the process. */
  VIEW_MEMORY_MB: envInt(64, 4_096).default(400),
  PATH: z.string().default(''),
});

export interface UploadConfig {
  uploadUrlSeconds: number;
  fileUrlSeconds: number | undefined;
  maxStoredBytes: number | undefined;
  maxStoredFiles: number | undefined;
  fileSeconds: number | undefined;
  /** Absolute. */
  ffmpegPath: string | undefined;
  viewsAtOnce: number;
  viewMemoryMb: number;
}

export function parseUploadConfig(env: Env): UploadConfig {
  const parsed = parseEnv(UploadEnv, env);
  return Object.freeze({
    uploadUrlSeconds: parsed.UPLOAD_URL_SECONDS,
    fileUrlSeconds: parsed.FILE_URL_SECONDS,
    maxStoredBytes: parsed.MAX_STORED_BYTES || undefined,
    maxStoredFiles: parsed.MAX_STORED_FILES || undefined,
    fileSeconds: parsed.FILE_RETENTION_SECONDS,
    viewsAtOnce: parsed.VIEWS_AT_ONCE,
    viewMemoryMb: parsed.VIEW_MEMORY_MB,
    ffmpegPath: findFfmpeg(parsed.FFMPEG_PATH, parsed.PATH),
  });
}

function findFfmpeg(given: string | undefined, searchPath: string): string | undefined {
  if (given !== undefined) {
    if (path.isAbsolute(given) && isProgram(given)) return given;
    throw new ConfigError(['FFMPEG_PATH: must be the absolute path of a program']);
  }
  const folders = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.map((folder) => path.join(folder, 'ffmpeg')).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there.
    return false;
  }
}
