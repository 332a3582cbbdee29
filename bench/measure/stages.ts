/** Totals of the server's histograms of where a command's time goes, by stage; `batch` counts records of messages. */
export type StageTotals = ReadonlyMap<string, { readonly sum: number; readonly count: number }>

/** Reads the totals from the text of /metrics; empty where there are none. */
export function readStages(metrics: string): StageTotals {
  const totals = new Map<string, { sum: number; count: number }>()
  const lines =
    /^enrollment_(?:command_stage_seconds_(sum|count)\{stage="(\w+)"\}|batch_records_(sum|count)) ([\d.e+-]+)$/gm
  for (const [, part, stage = 'batch', batchPart, value] of metrics.matchAll(lines)) {
    const total = totals.get(stage) ?? { sum: 0, count: 0 }
    total[(part ?? batchPart) === 'sum' ? 'sum' : 'count'] = Number(value)
    totals.set(stage, total)
  }
  return totals
}

/** What a command spent in each stage on average between two readings, milliseconds; records per message. */
export function stageFigures(before: StageTotals, after: StageTotals): Record<string, number> {
  return Object.fromEntries(
    [...after].flatMap(([stage, { sum, count }]) => {
      const then = before.get(stage) ?? { sum: 0, count: 0 }
      if (count === then.count) return []
      const mean = (sum - then.sum) / (count - then.count)
      return stage === 'batch'
        ? [['records_per_message', Number(mean.toFixed(1))]]
        : [[`stage_${stage}_ms`, Number((1000 * mean).toFixed(3))]]
    }),
  )
}
