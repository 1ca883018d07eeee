import { z } from 'zod';

export type Env = Readonly<Record<string, string | undefined>>;

/** The process's environment: read here and nowhere else. */
export function readEnv(): Env {
  return process.env;
}

/** Every problem of an environment at once, each with its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Parses environment variables once; empty strings count as unset. Throws `ConfigError` with every problem. */
export function parseEnv<S extends z.ZodObject>(schema: S, env: Env): z.infer<S> {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(set);
  if (parsed.success) return parsed.data;
  throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
}

/** A whole number in an environment variable. */
export function envInt(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);
}

/** A comma-separated list; blanks around the items are dropped. */
export const envList: z.ZodType<string[], string> = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** The variables that every service reads. */
export const RuntimeEnv = z.object({
  INFERRY_HOME: z.string().optional(),
  INFERRY_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters; openssl rand -hex 32 makes one')
    .optional(),
  HOST: z.string().default('127.0.0.1'),
  PORT: envInt(0, 65_535).default(8080),
  PUBLIC_URL: z.url().optional(),
  UPLOAD_INTERNAL_URL: z.url().optional(),
  NATS_URL: z.string().optional(),
  REDIS_URL: z.string().optional(),
  DATABASE_URL: z.string().optional(),
  BLOBS_FOLDER: z.string().optional(),
  S3_BUCKET: z.string().min(3).optional(),
  S3_ENDPOINT: z.url().optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  SHUTDOWN_GRACE_MS: envInt(100, 600_000).default(15_000),
  INFERRY_EXTRA_PROVIDERS: envList.default([]),
});
export type RuntimeEnv = z.infer<typeof RuntimeEnv>;

/** What a service that runs alone needs of the outside world. */
export interface RuntimeConfig {
  home: string | undefined;
  host: string;
  port: number;
  publicUrl: string | undefined;
  uploadInternalUrl: string | undefined;
  natsUrl: string | undefined;
  redisUrl: string | undefined;
  databaseUrl: string | undefined;
  blobs: BlobsConfig | undefined;
  secret: string | undefined;
  logLevel: RuntimeEnv['LOG_LEVEL'];
  shutdownGraceMs: number;
  /** Modules that export `createProvider`, added to the built-in providers. */
  extraProviders: string[];
}

export type BlobsConfig =
  | { kind: 'folder'; folder: string }
  | {
      kind: 's3';
      bucket: string;
      endpoint?: string;
      region: string;
      accessKeyId?: string;
      secretAccessKey?: string;
    };

export function parseRuntimeConfig(env: Env): RuntimeConfig {
  const parsed = parseEnv(RuntimeEnv, env);
  return Object.freeze({
    home: parsed.INFERRY_HOME,
    host: parsed.HOST,
    port: parsed.PORT,
    publicUrl: parsed.PUBLIC_URL?.replace(/\/+$/, ''),
    uploadInternalUrl: parsed.UPLOAD_INTERNAL_URL?.replace(/\/+$/, ''),
    natsUrl: parsed.NATS_URL,
    redisUrl: parsed.REDIS_URL,
    databaseUrl: parsed.DATABASE_URL,
    blobs: toBlobs(parsed),
    secret: parsed.INFERRY_SECRET,
    logLevel: parsed.LOG_LEVEL,
    shutdownGraceMs: parsed.SHUTDOWN_GRACE_MS,
    extraProviders: parsed.INFERRY_EXTRA_PROVIDERS,
  });
}

function toBlobs(env: RuntimeEnv): BlobsConfig | undefined {
  if (env.S3_BUCKET !== undefined) {
    return {
      kind: 's3',
      bucket: env.S3_BUCKET,
      region: env.S3_REGION,
      ...(env.S3_ENDPOINT === undefined ? {} : { endpoint: env.S3_ENDPOINT }),
      ...(env.S3_ACCESS_KEY_ID === undefined ? {} : { accessKeyId: env.S3_ACCESS_KEY_ID }),
      ...(env.S3_SECRET_ACCESS_KEY === undefined ? {} : { secretAccessKey: env.S3_SECRET_ACCESS_KEY }),
    };
  }
  return env.BLOBS_FOLDER === undefined ? undefined : { kind: 'folder', folder: env.BLOBS_FOLDER };
}

const loopbackHosts = new Set(['127.0.0.1', 'localhost', '::1', '[::1]']);

export function isLoopback(host: string): boolean {
  return loopbackHosts.has(host) || /^127\.\d+\.\d+\.\d+$/.test(host);
}
