import type { Handler } from '@inferry/bus';
import type { prepareRun } from '@inferry/contracts';
import type { CatalogDeps } from '../deps.ts';
import { prepareInput } from '../input/prepare-input.ts';
import { optionProblems } from '../input/run-options.ts';
import { quoteInput } from '../quote/quote-input.ts';
import { resolveRunnableModel } from '../resolve-model.ts';

export function handlePrepareRun(deps: CatalogDeps): Handler<typeof prepareRun> {
  return async ({ model: name, input: raw, options }, { principal }) => {
    const { document, provider } = await resolveRunnableModel(
      deps,
      { name, options: options ?? {} },
      principal,
    );
    const { input, problems: inProblems, fileFields } = prepareInput(deps.validatorOf(document), raw);
    const problems = [...inProblems, ...optionProblems(provider, options ?? {})];
    return {
      model: document.id,
      provider: document.provider,
      native_id: document.model.nativeId,
      kind: document.model.kind,
      input,
      file_fields: fileFields,
      quote: quoteInput(provider, document.model, { input, problems }),
      problems,
    };
  };
}
