import { ConfigError } from '@inferry/contracts';
import { z } from 'zod';

export { ConfigError };

export type Env = Readonly<Record<string, string | undefined>>;

/** The process's environment: read here and nowhere else. */
export function readEnv(): Env {
  return process.env;
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

/** As `parseEnv`, with the variables that are wrong left out: for finding what else is wrong beside them. */
export function parseRest<S extends z.ZodObject>(
  schema: S,
  env: Env,
): { data: z.infer<S>; problems: string[] } {
  try {
    return { data: parseEnv(schema, env), problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const wrong = new Set(error.problems.map((problem) => problem.slice(0, problem.indexOf(':'))));
    const rest = Object.fromEntries(Object.entries(env).filter(([name]) => !wrong.has(name)));
    return { data: parseEnv(schema, rest), problems: [...error.problems] };
  }
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

/** What a deployment's secrets come from; each may stand in a file. */
export const SecretsEnv = z.object({
  INFERRY_SECRET: z
    .string()
    .min(32, 'must have at least 32 characters; openssl rand -hex 32 makes one')
    .optional(),
  /** 32 bytes in base64url: what this service signs its calls on the bus with, instead of INFERRY_SECRET. */
  BUS_SIGNING_KEY: z
    .string()
    .refine((text) => Buffer.from(text, 'base64url').length === 32, 'must be 32 bytes in base64url')
    .optional(),
  /** What the other services' signatures are verified with: `name=base64url`, with commas between. */
  BUS_PUBLIC_KEYS: z.string().optional(),
  /** 1 while a deployment is updated from a release that signed nothing. */
  BUS_ACCEPT_UNSIGNED: z.enum(['0', '1'], 'must be 0 or 1').default('0'),
});

/** A URL with one of these protocols; the value itself may hold a password and is never repeated. */
function urlOf(protocol: RegExp, problem: string): z.ZodType<string, string> {
  return z.string().refine((text) => isUrl(text, protocol), problem);
}

function isUrl(text: string, protocol: RegExp, assumed = ''): boolean {
  const url = URL.parse(text.includes('://') || text.startsWith('sqlite:') ? text : assumed + text);
  return url !== null && protocol.test(url.protocol);
}

const httpUrl = urlOf(/^https?:$/, 'must be an http or https URL');

/** How clients reach the system. */
const publicUrl = httpUrl.refine((text) => {
  const url = URL.parse(text);
  return url === null || `${url.search}${url.hash}${url.username}` === '';
}, 'must be an address alone, such as https://inferry.example.com or https://example.com/ai');

/** The variables that every service reads. */
export const RuntimeEnv = z.object({
  INFERRY_HOME: z.string().optional(),
  ...SecretsEnv.shape,
  HOST: z.string().default('127.0.0.1'),
  PORT: envInt(0, 65_535).default(8080),
  PUBLIC_URL: publicUrl.optional(),
  /** Where `/metrics` is answered, for Prometheus; 0 takes a free one. Without it nothing is measured for it. */
  METRICS_PORT: envInt(0, 65_535).optional(),
  UPLOAD_INTERNAL_URL: httpUrl.optional(),
  NATS_URL: z
    .string()
    .refine(
      (list) => list.split(',').every((url) => isUrl(url.trim(), /^(nats|tls|ws|wss):$/, 'nats://')),
      'must be nats://user:password@host:4222, or several with commas between',
    )
    .optional(),
  REDIS_URL: urlOf(/^rediss?:$/, 'must be redis://:password@host:6379').optional(),
  DATABASE_URL: urlOf(
    /^(postgres|postgresql|sqlite):$/,
    'must be postgres://user:password@host:5432/name',
  ).optional(),
  /** Connections to Postgres that this process opens at most; it makes do with fewer where the server has no more. */
  DATABASE_POOL: envInt(1, 500).default(5),
  BLOBS_FOLDER: z.string().optional(),
  S3_BUCKET: z.string().min(3).optional(),
  S3_ENDPOINT: httpUrl.optional(),
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
  databasePool: number;
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
    databasePool: parsed.DATABASE_POOL,
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
