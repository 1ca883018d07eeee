/** `inferry doctor`: what works here, in one screen, and what to do about what does not. */
import { parseArgs } from 'node:util';
import { placeOf } from '@inferry/clients';
import { ConfigError, type Env, speaking } from '@inferry/runtime';
import { checkClients } from '../doctor/clients.ts';
import type { Finding } from '../doctor/finding.ts';
import {
  checkConfiguration,
  checkHome,
  checkNetworkVariables,
  checkNode,
  checkPort,
} from '../doctor/machine.ts';
import { checkServer } from '../doctor/server.ts';
import { checkBus, checkDatabase, checkRedis } from '../doctor/stores.ts';
import { versionOf } from '../version.ts';

const signs: Readonly<Record<Finding['state'], string>> = { ok: '✓', warning: '!', fault: '✗', unknown: '?' };

/** Exit code 1 when there is a fault. */
export async function doctor(args: readonly string[], env: Env): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { url: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  if (values.url !== undefined && !/^https?:\/\//.test(values.url)) {
    throw new ConfigError(['--url: an address that begins with http:// or https://']);
  }
  const findings = await examine(env, values.url);
  const faults = findings.filter(({ state }) => state === 'fault').length;
  const warnings = findings.filter(({ state }) => state === 'warning').length;
  const out = speaking(process.stdout, env);
  if (values.json) out.write(`${JSON.stringify({ faults, warnings, findings }, undefined, 2)}\n`);
  else {
    for (const finding of findings) out.write(lineOf(finding));
    out.write(`\nFaults: ${faults}. Warnings: ${warnings}.\n`);
  }
  return faults === 0 ? 0 : 1;
}

async function examine(env: Env, given: string | undefined): Promise<Finding[]> {
  const { findings, config } = await checkConfiguration(env);
  const url = given ?? (config === undefined ? undefined : `${config.baseUrl}/mcp`);
  const isHere = given === undefined && config !== undefined;
  // It listens there for a moment: whoever asks the server meanwhile would be answered by that.
  const port = isHere ? [await checkPort(config)] : [];
  const parts = await Promise.all([
    isHere ? checkDatabase(config) : [],
    isHere ? checkBus(config) : [],
    isHere ? checkRedis(config) : [],
    url === undefined
      ? []
      : checkServer({ url, key: env.INFERRY_KEY || undefined, version: versionOf(env), now: Date.now }),
  ]);
  return [
    checkNode(process.versions.node),
    ...findings,
    ...(isHere ? checkHome(config, process.platform) : []),
    ...checkNetworkVariables(env, Date.now()),
    ...port,
    ...parts.flat(),
    ...(url === undefined ? [] : checkClients(placeOf(env, process), url)),
  ];
}

function lineOf({ about, state, message, next }: Finding): string {
  const line = `${signs[state]} ${about}: ${message}\n`;
  return next === undefined ? line : `${line}    ${next}\n`;
}
