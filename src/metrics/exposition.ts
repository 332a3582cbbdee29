import { type Metric, Registry } from 'prom-client'
import type { Sample } from './histogram.ts'

type Kind = 'counter' | 'gauge' | 'histogram'

/**
 * What one process shows to Prometheus. Whoever counts keeps plain numbers; `read` is called at a scrape and
 * at no other time.
 */
export class Exposition {
  readonly #registry = new Registry()

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Everything as it is now, in Prometheus' text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics()
  }

  /** A number that goes up and down; undefined while there is none to tell. */
  gauge(name: string, help: string, read: () => number | undefined): void {
    this.gauges(name, help, () => {
      const value = read()
      return value === undefined ? [] : [{ labels: {}, value }]
    })
  }

  gauges(name: string, help: string, read: () => Iterable<Sample>): void {
    this.#add(name, help, 'gauge', read)
  }

  counter(name: string, help: string, read: () => number): void {
    this.counters(name, help, () => [{ labels: {}, value: read() }])
  }

  counters(name: string, help: string, read: () => Iterable<Sample>): void {
    this.#add(name, help, 'counter', read)
  }

  /** @param read the samples of every histogram of this name, each with labels of its own */
  histograms(name: string, help: string, read: () => Iterable<Sample>): void {
    this.#add(name, help, 'histogram', read)
  }

  #add(name: string, help: string, type: Kind, read: () => Iterable<Sample>): void {
    const metric = {
      name,
      get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: [...read()] }),
    }
    // The registry asks a metric for its name and `get` alone; the library's own classes count by themselves.
    this.#registry.registerMetric(metric as unknown as Metric)
  }
}

/** Samples of one counter or gauge, by the values of one label. */
export function byLabel(
  label: string,
  values: Iterable<readonly [value: string, count: number]>,
): readonly Sample[] {
  return Array.from(values, ([value, count]) => ({ labels: { [label]: value }, value: count }))
}
