import type { Method } from '../exchange.ts';
import { refuseParams } from '../refusal.ts';

const levels = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);

/** Accepted and not kept: requests of the legacy era may go to any replica, and log lines are rare (MCP 2025-11-25). */
export const setLogLevel: Method = ({ request }) => {
  const { level } = request.params;
  if (typeof level === 'string' && levels.has(level)) return '{}';
  return refuseParams(['validation_failed', `params.level must be one of ${[...levels].join(', ')}.`]);
};
