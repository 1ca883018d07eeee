import type { InputRequests } from './input-required.ts';

/** Work that goes on after its call, as the Tasks extension shows it (SEP-2663). */
export interface TaskState {
  id: string;
  /** `failed` is for calls that could not be made; work that ran and failed is `completed` with `isError`. */
  status: 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  message?: string | undefined;
  createdAt: string;
  updatedAt: string;
  /** How long the id answers; null when that is not limited. */
  ttlMs: number | null;
  pollMs: number;
  isError?: boolean;
  inputRequests?: InputRequests;
  error?: { code: number; message: string };
}
