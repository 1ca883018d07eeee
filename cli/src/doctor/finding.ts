/** One thing that was looked at, and what to do about it. */
export interface Finding {
  /** What was looked at, in a word or two. */
  about: string;
  /** `unknown`: it could not be looked at, which is neither good nor bad. */
  state: 'ok' | 'warning' | 'fault' | 'unknown';
  message: string;
  /** What to do; for every warning and fault. */
  next?: string;
}

export const ok = (about: string, message: string): Finding => ({ about, state: 'ok', message });

export const unknown = (about: string, message: string): Finding => ({ about, state: 'unknown', message });

export function warning(about: string, message: string, next: string): Finding {
  return { about, state: 'warning', message, next };
}

export function fault(about: string, message: string, next: string): Finding {
  return { about, state: 'fault', message, next };
}

/** What an error says, with the reason below it; addresses in it lose their passwords. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason given';
  const below = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
  const code = 'code' in error && error.message === '' ? String(error.code) : error.message;
  return hidePasswords(`${code.split('\n')[0]}${below}`);
}

/** `scheme://user:password@host` without the password. */
export function hidePasswords(text: string): string {
  return text.replace(/(\/\/[^/\s:@]*):[^/\s@]*@/g, '$1:•••@');
}
