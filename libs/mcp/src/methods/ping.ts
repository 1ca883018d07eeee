import type { Method } from '../exchange.ts';

export const answerPing: Method = () => '{}';
