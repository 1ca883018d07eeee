import { type AppError, isObject } from '@inferry/contracts';

/** What a failed job is said to have failed with: a validation error names its problems one by one. */
export function jobMessage({ message, details }: AppError): string {
  const problems = Array.isArray(details?.errors) ? details.errors.filter(isObject) : [];
  if (problems.length === 0) return message;
  const said = problems.map(({ path, message: text }) => (path === '' ? String(text) : `${path}: ${text}`));
  return said.slice(0, 8).join('; ').slice(0, 500);
}
