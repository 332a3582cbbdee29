/** Seconds, from a turn of a few microseconds to a request that waits for a broker. */
const secondsBounds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
  0.5, 1, 2.5, 5, 10,
] as const
/** Counts of things that go together: records of a batch. */
const countBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const

/** A point of a time series, as a scrape shows it. */
export interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** Counts values by their size. Plain counters, because hot paths come here; labels are made when scraped. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  /** @param times how often the value was seen: a batch's records share one measurement */
  observe(value: number, times = 1): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times
    this.#sum += value * times
  }

  /** How many values were seen. */
  get count(): number {
    let total = 0
    for (const count of this.#counts) total += count
    return total
  }

  /** The cumulative buckets, the sum and the count of `name`. */
  *samples(name: string, labels: Readonly<Record<string, string | number>> = {}): Generator<Sample> {
    let total = 0
    for (const [bucket, count] of this.#counts.entries()) {
      total += count
      const le = this.#bounds[bucket] ?? '+Inf'
      yield { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
    }
    yield { metricName: `${name}_sum`, labels, value: this.#sum }
    yield { metricName: `${name}_count`, labels, value: total }
  }
}

export function histogramOfSeconds(): Histogram {
  return new Histogram(secondsBounds)
}

export function histogramOfCounts(): Histogram {
  return new Histogram(countBounds)
}
