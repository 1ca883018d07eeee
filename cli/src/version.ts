import type { Env } from '@inferry/runtime';

/** Of this package, as npm or the package's own start script tells it. */
export function versionOf(env: Env): string {
  return env.npm_package_version || '0.2.0';
}
