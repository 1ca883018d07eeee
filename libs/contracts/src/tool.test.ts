/** What a profile makes of its tools, and when. */
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type AnyTool, defineOwnTool, defineProfile, withFields } from './index.ts';

const annotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

function tool(name: string): AnyTool {
  const made = defineOwnTool({
    ...{ name, title: name, description: name, annotations, toolset: 'run', scope: 'mcp' },
    input: z.object({ size: z.int().describe('Size.') }),
    output: z.object({ said: z.string() }),
    present: () => [],
  });
  // as: what a tool's functions take is its own.
  return made as unknown as AnyTool;
}

/** Whether the schemas of a tool are still to be made. */
const isOpen = (one: AnyTool | undefined) =>
  one !== undefined && Object.getOwnPropertyDescriptor(one, 'inputSchema')?.get !== undefined;

describe('a profile', () => {
  it('makes its tools when somebody looks, once', () => {
    const tools = vi.fn(() => [tool('do_this'), tool('do_that')]);
    const profile = defineProfile({ key: 'acme', serverInfo: {}, instructions: () => '', tools });
    expect(tools).not.toHaveBeenCalled();

    expect(profile.tools.map(({ id }) => id)).toEqual(['acme/do_this', 'acme/do_that']);
    expect(profile.words.call('do_that', [])).toBe('do_that');
    expect(profile.tools[0]).toBe(profile.tools[0]);
    expect(tools).toHaveBeenCalledTimes(1);
  });

  it('says an operation with the name of the first tool that leads to it', () => {
    const first = tool('do_this');
    const second = withFields(tool('do_that'), { operation: first.operation });
    const { words } = defineProfile({
      ...{ key: 'acme', serverInfo: {}, instructions: () => '' },
      tools: [first, second],
    });

    expect(words.call('do_this', [])).toBe('do_this');
  });

  it('leaves the schemas of its tools unmade until they are listed', () => {
    const { tools } = defineProfile({
      ...{ key: 'acme', serverInfo: {}, instructions: () => '' },
      tools: [tool('do_this')],
    });

    expect(isOpen(tools[0])).toBe(true);
    expect(tools[0]?.inputSchema).toMatchObject({ required: ['size'] });
    expect(tools[0]?.inputSchema).toBe(tools[0]?.inputSchema);
    expect(tools[0]?.outputSchema).toMatchObject({ properties: { said: { type: 'string' } } });
  });
});
