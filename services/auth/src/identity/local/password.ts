import { type Argon2Parameters, argon2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from '@inferry/contracts';
import { isSameBytes } from '@inferry/seals';

const hash = promisify(argon2);

/** OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const tagLength = 32;

/** At most so many hashes at once and waiting: each takes 19 MiB and a core for some 30 ms. */
const maxRunning = 2;
const maxWaiting = 64;

export const minPasswordLength = 12;
export const maxPasswordLength = 256;

/** What is wrong with a new password, or undefined. */
export function problemOfPassword(password: string): string | undefined {
  const { length } = [...password];
  if (length < minPasswordLength) return `The password needs at least ${minPasswordLength} characters.`;
  if (length > maxPasswordLength) return `The password has at most ${maxPasswordLength} characters.`;
  if (new Set(password).size < 4) return 'The password repeats itself too much.';
  return undefined;
}

/** Argon2id, in the form that other programs write it too (PHC string format). */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const tag = await argon2id(password, nonce, cost);
  const { memory, passes, parallelism } = cost;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${toBase64(nonce)}$${toBase64(tag)}`;
}

const pattern = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * Whether the password is the one of the hash. Without a hash it takes just as long and is false: nobody learns
 * whether there is such an account.
 */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, memory, passes, parallelism, nonce, tag] = pattern.exec(stored ?? '') ?? [];
  if (nonce === undefined || tag === undefined) {
    await argon2id(password, Buffer.alloc(16), cost);
    return false;
  }
  const wanted = Buffer.from(tag, 'base64');
  const found = await argon2id(password, Buffer.from(nonce, 'base64'), {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  });
  return isSameBytes(found, wanted);
}

const waiting: (() => void)[] = [];
let running = 0;

async function argon2id(password: string, nonce: Buffer, parameters: typeof cost): Promise<Buffer> {
  if (running >= maxRunning) {
    if (waiting.length >= maxWaiting) throw new AppError('busy', 'Too many people sign in. Try again.');
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running += 1;
  try {
    // The same characters may be typed in several ways (NFKC); what is too long is not hashed at all.
    const message = password.normalize('NFKC').slice(0, 4 * maxPasswordLength);
    const request: Argon2Parameters = { message, nonce, tagLength, ...parameters };
    return await hash('argon2id', request);
  } finally {
    const next = waiting.shift();
    // The place goes to whoever waits longest, and so it is never free in between.
    if (next === undefined) running -= 1;
    else next();
  }
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
