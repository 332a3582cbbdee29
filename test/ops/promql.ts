/** A series as a scrape shows it. */
export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** A metric that an expression asks for, with what it asks of its labels. */
export interface Selector {
  readonly name: string
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[]
}

/** Words that are no metrics: functions, aggregations, their clauses, and the dashboard's own variables. */
const words =
  /^(sum|max|min|rate|increase|changes|absent|histogram_quantile|by|le|and|or|on|label_replace|bool|for|[a-z]+)$/

/** Reads Prometheus' text format. */
export function seriesOf(exposition: string): readonly Series[] {
  return exposition.split('\n').flatMap((line) => {
    const [, name, labels = ''] = /^([a-z_:][\w:]*)(?:\{(.*)\})? [^ ]+$/i.exec(line) ?? []
    return name === undefined ? [] : [{ name, labels: labelsOf(labels) }]
  })
}

/** Names of everything that a scrape declares, whether it has series yet or not. */
export function declaredIn(exposition: string): ReadonlySet<string> {
  const names = [...exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  return new Set(names)
}

/** The metrics that a PromQL expression of ours asks for. */
export function selectorsOf(expression: string): readonly Selector[] {
  const withoutClauses = expression.replaceAll(/\b(by|without)\s*\([^)]*\)/g, ' ')
  return [...withoutClauses.matchAll(/([a-z_][\w:]*)(?:\{([^}]*)\})?/gi)].flatMap(
    ([whole, name = '', matchers = '']) => {
      const isMetric = whole.includes('{') || (name.includes('_') && !words.test(name)) || name === 'up'
      return isMetric && name !== 'histogram_quantile' && !name.startsWith('__')
        ? [{ name, matchers: matchersOf(matchers) }]
        : []
    },
  )
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]))
}

function matchersOf(text: string): Selector['matchers'] {
  return [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
    ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
  )
}
