import type { WriteStream } from 'node:tty';

export interface ProgressView {
  /** `progress` 0..1 */
  update(progress: number, message: string | undefined): void;
  end(): void;
}

const width = 30;

/** A bar that redraws itself in a terminal; a plain line every tenth elsewhere. */
export function createProgressView(out: WriteStream): ProgressView {
  return out.isTTY ? bar(out) : lines(out);
}

function bar(out: WriteStream): ProgressView {
  return {
    update(progress, message) {
      const filled = Math.round(progress * width);
      const drawn = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
      out.write(`\r   ${drawn} ${percent(progress)} ${(message ?? '').slice(0, 30).padEnd(30)}`);
    },
    end() {
      out.write(`\r${' '.repeat(width + 44)}\r`);
    },
  };
}

function lines(out: NodeJS.WritableStream): ProgressView {
  let shown = -1;
  return {
    update(progress, message) {
      const tenth = Math.floor(progress * 10);
      if (tenth <= shown) return;
      shown = tenth;
      out.write(`   ${percent(progress)} ${message ?? ''}\n`);
    },
    end() {
      // Nothing to clear: plain lines stay.
    },
  };
}

function percent(progress: number): string {
  return `${Math.round(progress * 100)} %`.padStart(5);
}
