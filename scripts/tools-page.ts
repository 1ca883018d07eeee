import { type AnyTool, isObject, type JsonObject } from '@inferry/contracts';

/** The reference of all tools as Markdown: one section each, from the contract and nothing else. */
export function toolsPage(tools: readonly AnyTool[]): string {
  return [
    '# Tools',
    '',
    '<!-- Generated from libs/profiles by `npm run docs`; do not edit. -->',
    '',
    'Every result has the same facts as text and as `structuredContent`. `view_output` alone has no structure, since many',
    'clients show the model nothing else where there is one, and no picture: its facts are in the text. A failed call is a',
    'result with `isError: true`, text that begins `[code] message`, and `structuredContent.error`: see [errors](errors.md).',
    '',
    '| tool | toolset | scope | reads only | what it does |',
    '|---|---|---|---|---|',
    ...tools.map((tool) => {
      const [first = ''] = tool.description.split(/(?<=\.) /);
      const reads = tool.annotations.readOnlyHint ? 'yes' : 'no';
      return `| [\`${tool.name}\`](#${tool.name}) | ${tool.operation.toolset} | \`${tool.operation.scope}\` | ${reads} | ${first} |`;
    }),
    '',
    ...tools.flatMap(section),
  ].join('\n');
}

function section(tool: AnyTool): string[] {
  return [
    `## ${tool.name}`,
    '',
    tool.description,
    '',
    ...table('Argument', tool.inputSchema),
    ...(tool.outputSchema === undefined
      ? ['The result is content alone.', '']
      : table('Result', tool.outputSchema)),
  ];
}

function table(title: string, schema: JsonObject): string[] {
  const properties = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  if (properties.length === 0) return [];
  const rows = properties.map(([name, property]) => {
    const field = isObject(property) ? property : {};
    const mark = required.includes(name) ? ' (required)' : '';
    return `| \`${name}\`${mark} | ${typeOf(field)} | ${[field.description, rangeOf(field)].filter(Boolean).join('; ')} |`;
  });
  return [`| ${title} | Type | Meaning |`, '|---|---|---|', ...rows, ''];
}

function typeOf(field: JsonObject): string {
  const items = isObject(field.items) ? ` of ${typeOf(field.items)}` : '';
  return `${String(field.type ?? 'any')}${items}`;
}

function rangeOf(field: JsonObject): string {
  const source = isObject(field.items) && Array.isArray(field.items.enum) ? field.items : field;
  if (Array.isArray(source.enum))
    return `one of ${source.enum.map((value) => `\`${String(value)}\``).join(', ')}`;
  const { minimum, maximum } = field;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return minimum === undefined ? '' : `at least ${minimum}`;
}
