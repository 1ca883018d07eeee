import type { OfferedSurface } from './surfaces.ts';

/** Who reads a URI: the longest prefix decides. */
export function ownerOfUri(offered: readonly OfferedSurface[], uri: string): OfferedSurface | undefined {
  let owner: OfferedSurface | undefined;
  let longest = 0;
  for (const candidate of offered) {
    for (const prefix of candidate.description.uri_prefixes) {
      if (prefix.length > longest && uri.startsWith(prefix)) {
        owner = candidate;
        longest = prefix.length;
      }
    }
  }
  return owner;
}

/** Who has a prompt: the first of the services in the order of the configuration. */
export function ownerOfPrompt(offered: readonly OfferedSurface[], name: string): OfferedSurface | undefined {
  return offered.find(({ description }) => description.prompts.some((prompt) => prompt.name === name));
}

export function ownerOfTemplate(
  offered: readonly OfferedSurface[],
  uriTemplate: string,
): OfferedSurface | undefined {
  return offered.find(({ description }) =>
    description.templates.some((template) => template.uriTemplate === uriTemplate),
  );
}
