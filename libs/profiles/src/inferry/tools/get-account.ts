import { defineTool, getAccount, text } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';

export const getAccountTool = defineTool({
  name: 'get_account',
  title: 'Get account',
  description:
    'Who you are here, connected providers and whether their keys work, balances, spend, budgets and rate limits.',
  annotations: readOnly,
  operation: getAccount,
  present(account) {
    const { next_action: next, ...sections } = account;
    const lines = Object.entries(sections)
      .filter(([, value]) => value !== undefined)
      .map(([section, value]) => `${section}: ${JSON.stringify(value)}`);
    if (next !== undefined) lines.push(`Next: ${next}`);
    return [text(lines.join('\n'))];
  },
});
