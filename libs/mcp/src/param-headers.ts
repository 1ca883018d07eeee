import { type AnyTool, isObject } from '@inferry/contracts';
import { decodeHeader, mismatch } from './era.ts';
import type { Exchange } from './exchange.ts';
import type { Refusal } from './refusal.ts';

interface MirroredParam {
  param: string;
  header: string;
}

const mirroredBy = new WeakMap<AnyTool, readonly MirroredParam[]>();

/**
 * A tool can have arguments repeated in `Mcp-Param-*` headers, for proxies that route by them; what a proxy believed
 * must be what is done (MCP 2026-07-28, server/tools, x-mcp-header).
 */
export function refuseParamHeaders(tool: AnyTool, { era, request, header }: Exchange): Refusal | undefined {
  if (era === 'legacy' || header === undefined) return undefined;
  const mirrored = mirroredOf(tool);
  if (mirrored.length === 0) return undefined;
  const args = isObject(request.params.arguments) ? request.params.arguments : {};
  const wrong = mirrored.find(({ param, header: name }) => !agrees(header(`mcp-param-${name}`), args[param]));
  return wrong === undefined
    ? undefined
    : mismatch(`Mcp-Param-${wrong.header} and the argument ${wrong.param} differ`);
}

function mirroredOf(tool: AnyTool): readonly MirroredParam[] {
  const known = mirroredBy.get(tool);
  if (known !== undefined) return known;
  const { properties } = tool.inputSchema;
  const found = Object.entries(isObject(properties) ? properties : {}).flatMap(([param, schema]) => {
    const header = isObject(schema) ? schema['x-mcp-header'] : undefined;
    return typeof header === 'string' ? [{ param, header: header.toLowerCase() }] : [];
  });
  mirroredBy.set(tool, found);
  return found;
}

function agrees(sent: string | undefined, value: unknown): boolean {
  if (value === undefined || value === null) return sent === undefined;
  if (sent === undefined) return false;
  const decoded = decodeHeader(sent.trim());
  if (decoded === undefined) return false;
  return typeof value === 'number' ? Number(decoded) === value && decoded !== '' : decoded === String(value);
}
