import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { CampusSize } from '../campus/bench-campus.ts'
import { JournalFiller } from '../drain/journal-filler.ts'
import { CliProcess, type Launch } from '../../kit/load/cli-process.ts'
import { cpuBetween, readUsages } from '../measure/process-usage.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { createCampus } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'

const backlog = 1_000_000
/** Row by row it would take too long. */
const backlogByRows = 20_000
const perStudent = 7
const pollMs = 20
const drainMsMax = 300_000
const rowBatcher = { program: join(import.meta.dirname, '../comparators/row-batcher.ts') }

/** The batcher was away while the journal grew: how fast it comes to an end, by COPY and row by row. */
export async function drain(ground: Servers): Promise<Finding[]> {
  const [many, few] = ground.isTiny ? [2000, 200] : [backlog, backlogByRows]
  const byCopy = await drainOnce(ground, many, 'engine')
  const byRows = await drainOnce(ground, few, 'row by row', rowBatcher)
  const ratio = (byCopy.figures['records_per_s'] ?? 0) / (byRows.figures['records_per_s'] ?? 1)
  return [{ ...byCopy, figures: { ...byCopy.figures, times_row_by_row: rounded(ratio) } }, byRows]
}

/** Fills the journal with so many records, then lets a batcher carry them into the tables. */
export async function drainOnce(
  ground: Servers,
  records: number,
  subject: string,
  launch: Launch = {},
): Promise<Finding> {
  const size: CampusSize = {
    students: Math.ceil(records / perStudent) + 1,
    courses: 1500,
    capacity: records,
    reserveCapacity: 0,
  }
  const campus = await createCampus(ground, { size })
  const environment = {
    DATABASE_URL: campus.url,
    RABBITMQ_ADDRESS: ground.rabbitAddress,
    ENROLLMENT_CAMPUS: campus.id,
    ENROLLMENT_QUEUE_SETTLE: '0s',
    ENROLLMENT_BACKLOG_BYTES_MAX: '8GiB',
    ENROLLMENT_LOG_LEVEL: 'warn',
  }
  const startBatcher = () => new CliProcess('batcher', environment, ground.keeper, launch)
  // A leader is accepted by a batcher; that one then makes room for the backlog.
  const first = startBatcher()
  const filler = new JournalFiller(ground, environment)
  const tables = new pg.Client({ connectionString: campus.url })
  try {
    await tables.connect()
    await filler.leading()
    await first.end('SIGTERM')
    await filler.write({ records, courses: size.courses, seed: ground.seed })
    ground.say(`  ${records.toLocaleString('en')} records wait`)
    const batcher = startBatcher()
    const groups = [{ name: 'batcher', roots: () => [batcher.pid] }, ground.rabbitmq, ground.postgresql]
    const begun = await untilSeq(tables, 1)
    const before = readUsages(groups)
    const ended = await untilSeq(tables, records)
    const after = readUsages(groups)
    const written = records - begun.seq
    const cpu = Object.entries(cpuBetween(before, after)).map(([name, us]) => [
      `${name}_cpu_us_per_record`,
      rounded(us / written, 2),
    ])
    await batcher.end('SIGTERM')
    return {
      scenario: 'drain',
      subject,
      conditions: { backlog: records },
      figures: {
        records,
        seconds: rounded((ended.atMs - begun.atMs) / 1000, 2),
        records_per_s: rounded((1000 * written) / Math.max(1, ended.atMs - begun.atMs)),
        ...(Object.fromEntries(cpu) as Record<string, number>),
        batcher_mib: rounded((after['batcher']?.memoryBytes ?? 0) / 2 ** 20),
      },
    }
  } finally {
    await filler.end()
    await tables.end()
    await campus.drop()
  }
}

/** Polls until the tables are at least there. */
async function untilSeq(tables: pg.Client, seq: number): Promise<{ seq: number; atMs: number }> {
  const deadline = performance.now() + drainMsMax
  for (;;) {
    const { rows } = await tables.query<{ seq: number }>('SELECT seq::int FROM journal_position')
    const atMs = performance.now()
    const at = rows[0]?.seq ?? 0
    if (at >= seq) return { seq: at, atMs }
    if (atMs > deadline) throw new Error(`the tables are at ${at} of ${seq} after ${drainMsMax / 1000} s`)
    await sleep(pollMs)
  }
}
