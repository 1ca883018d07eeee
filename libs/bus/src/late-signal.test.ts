import { describe, expect, it, vi } from 'vitest';
import { LateSignal } from './frames.ts';

describe('a late signal', () => {
  it('tells who asked before', () => {
    const late = new LateSignal();
    const { signal } = late;
    const hear = vi.fn();
    signal.addEventListener('abort', hear);
    expect(signal.aborted).toBe(false);
    late.raise('gone');
    expect(hear).toHaveBeenCalledOnce();
    expect(signal.reason).toBe('gone');
  });

  it('tells who asks afterwards, with the first reason', () => {
    const late = new LateSignal();
    late.raise('gone');
    late.raise('cancelled');
    expect(late.isRaised).toBe(true);
    expect(late.signal.aborted).toBe(true);
    expect(late.signal.reason).toBe('gone');
  });

  it('is one signal, however often it is asked for', () => {
    const late = new LateSignal();
    expect(late.isRaised).toBe(false);
    expect(late.signal).toBe(late.signal);
    late.raise();
    expect(late.signal.reason).toBeInstanceOf(DOMException);
  });
});
