import { type AdapterDefinition, contractCases, type ProviderCapabilities } from '@inferry/providers';

/** docs/providers.md: what each adapter supports, does not, and what no call to the live service has confirmed. */
export function providersPage(adapters: readonly AdapterDefinition[]): string {
  const platforms = adapters.filter(({ presetOf }) => presetOf === undefined);
  return [
    '# Providers',
    '',
    '<!-- Written by `npm run docs` from the definitions in libs/providers/src. -->',
    '',
    'Besides the models of this machine (`local`), Inferry runs models on the platforms below. Which of them a deployment has',
    'is said by `PROVIDERS`; unset, it is `local` and each one whose key or base URL is set. `PROVIDERS=local,my-vllm:openai`',
    'opens one more of a kind, with `MY_VLLM_BASE_URL` and `MY_VLLM_API_KEY`.',
    '',
    'Calls to platforms and what is fetched from them go through `HTTPS_PROXY` or `HTTP_PROXY`, but for this machine and the',
    'hosts of `NO_PROXY`; `NODE_EXTRA_CA_CERTS` names a file with certificates that are trusted beside the known ones.',
    '',
    'A call that answers by itself (pictures, speech, chat) may take as long as its run; `<SLUG>_CALL_SECONDS`, such as',
    '`OPENAI_CALL_SECONDS=900`, is a ceiling for one provider, after which the call is given up and its cost is unknown.',
    '`get_run(include: ["raw"])` shows what a platform answered, without keys and content; models of this machine and calls whose',
    'whole answer is a file have none. A run that failed or was cancelled keeps what the platform told of its cost; where that may be',
    'something and is not told, the cost is unknown and not nothing.',
    '',
    'No adapter uses a platform’s own client library. Each is tested with one contract suite',
    `(${Object.keys(contractCases).length} cases) against an emulator on loopback (\`npm run emulators\`), and with recorded conversations. The`,
    'emulators are written from documents and clients of the platforms: what no call to the live service has confirmed is',
    'listed with each. `npm run test:live` makes such calls with keys from the environment.',
    '',
    table(
      ['provider', 'offers', 'cancel', 'progress', 'lost submits', 'streaming', 'webhooks'],
      platforms.map(({ slug, title, facts, capabilities }) => [
        `[${title}](#${slug})`,
        facts.offers,
        cancelWords[capabilities.cancel],
        capabilities.progress.replace('_', ' '),
        capabilities.recover ? 'found again' : 'end as submit_unknown',
        facts.streaming,
        facts.webhooks,
      ]),
    ),
    '',
    ...platforms.flatMap((definition) => sectionOf(definition, adapters)),
  ].join('\n');
}

const cancelWords: Record<ProviderCapabilities['cancel'], string> = {
  real: 'stops it',
  queued_only: 'while it waits',
  cosmetic: 'no guarantee: it may go on and be charged',
  none: 'not offered',
};

function sectionOf(definition: AdapterDefinition, adapters: readonly AdapterDefinition[]): string[] {
  const { slug, title, homepage, facts, capabilities, bases, keyVariables, settings = {} } = definition;
  const presets = adapters.filter(({ presetOf }) => presetOf === slug);
  const variables = [
    ...keyVariables.map((name) => [`\`${name}\``, 'key of the deployment']),
    ...Object.entries(bases).map(([name, { url, variable }]) => [
      `\`${variable}\``,
      `base URL${name === 'api' ? '' : ` (${name})`}; ${url === undefined ? 'needed' : `default \`${url}\``}`,
    ]),
    ...Object.entries(settings).map(([name, meaning]) => [`\`${name}\``, meaning]),
  ];
  return [
    `## ${slug}`,
    '',
    `[${title}](${homepage}).`,
    '',
    `- Idempotency: ${facts.idempotency}`,
    `- Input schemas: ${facts.schemas}`,
    `- Prices: ${facts.prices}`,
    `- What failed or was cancelled: ${facts.failures}`,
    `- Input files: ${facts.files}${capabilities.inputUrls === 'public' ? '; their links must be reachable from the internet' : ''}`,
    `- Results: ${facts.results}`,
    '',
    table(['variable', 'meaning'], variables),
    '',
    `Options of a run: ${optionsOf(definition)}.`,
    '',
    ...(presets.length === 0
      ? []
      : ['The same adapter under names of its own:', '', ...presets.map(presetLine), '']),
    'Not supported, and the cases of the contract suite that do not apply:',
    '',
    ...Object.entries(definition.exceptions).map(([name, reason]) => `- \`${name}\`: ${reason}`),
    '',
    'Unverified against the live service:',
    '',
    ...definition.unverified.map((line) => `- ${line}`),
    '',
  ];
}

/** As `run_model` takes them: everything else is refused. */
function optionsOf({ options }: AdapterDefinition): string {
  const own = Object.entries(options?.shape ?? {}).filter(
    ([, schema]) => schema.safeParse(undefined).success,
  );
  const named = own.map(([name, schema]) => {
    // Named only to say why it is not taken.
    const isRefused = ['low', true, 600].every((value) => !schema.safeParse(value).success);
    return isRefused ? `no \`${name}\` (${schema.description})` : `\`${name}\` (${schema.description})`;
  });
  return ['`ttl_seconds`', ...named].join(', ');
}

function presetLine({ slug, title, homepage, bases, keyVariables }: AdapterDefinition): string {
  const variables = [bases.api.variable, ...keyVariables].map((name) => `\`${name}\``).join(', ');
  return `- \`${slug}\` ([${title}](${homepage})): ${variables}; default \`${bases.api.url}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
