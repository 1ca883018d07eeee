/** What every process measures of itself. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { metrics } from '@opentelemetry/api';

/** Begins to measure; made after the meter provider is set. */
export function measureProcess(): void {
  const meter = metrics.getMeter('@inferry/runtime');
  const started = Date.now() / 1_000 - process.uptime();
  meter
    .createObservableGauge('process.start_time', { unit: 's', description: 'When this process began' })
    .addCallback((result) => result.observe(started));
  meter
    .createObservableCounter('process.cpu.time', { unit: 's', description: 'Processor time taken' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / 1e6, { 'cpu.mode': 'user' });
      result.observe(system / 1e6, { 'cpu.mode': 'system' });
    });
  meter
    .createObservableUpDownCounter('process.memory.usage', { unit: 'By', description: 'Resident memory' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meter
    .createObservableGauge('nodejs.eventloop.delay.p99', {
      unit: 's',
      description: 'How late timers of this process are, since it was read last',
    })
    .addCallback((result) => {
      result.observe(Number.isNaN(delay.percentile(99)) ? 0 : delay.percentile(99) / 1e9);
      delay.reset();
    });
}
