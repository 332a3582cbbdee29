import { type BatcherEvent, Batcher } from '../../journal/batcher.ts'
import { BatcherMetrics } from '../../journal/batcher-metrics.ts'
import { writeBatches, writeMarker } from '../../journal/write.ts'
import type { Config } from '../../config/config.ts'
import type { CommandStages } from '../../engine/command-stages.ts'
import { Engine } from '../../engine/engine.ts'
import { alarmsOfEngine, type EngineAlarm } from '../../engine/journal-watch.ts'
import type { Journal } from '../../engine/ports.ts'
import type { EngineState } from '../../engine/service.ts'
import type { TermLimits } from '../../engine/term.ts'
import { byLabel, type Exposition } from '../../metrics/exposition.ts'
import { DirectJournal, directIdentity } from '../../journal/direct-journal.ts'
import { RabbitJournal } from '../../journal/rabbit-journal.ts'
import { RabbitSource } from '../../journal/rabbit-source.ts'
import { DatabaseCampusStore } from '../../store/campus-store.ts'
import { claimJournal, isQueueExpected, readJournalKeys } from '../../store/campus-row.ts'
import { isRefusal } from '../../store/database.ts'
import { tryLockSession } from '../../store/lock-session.ts'
import { describeSetAside, type SetAsideRows } from '../../store/row-faults.ts'
import { BatcherTables } from '../../store/table-store.ts'
import { insistOnDatabase } from './insist-on-database.ts'
import { keepMonthsAhead } from './keep-months-ahead.ts'
import { nodeRuntime } from '../node-runtime.ts'
import type { OpenCampus } from './open-campus.ts'
import type { ServiceProcess } from '../service-process.ts'

/** Seconds of silence after which broker and client give each other up, roughly doubled. */
export const heartbeatSeconds = 5
/** The direct journal's session is pinged this often, and abandoned by the server after three misses. */
export const pingIntervalMs = 5000
export const directIdleMs = 3 * pingIntervalMs
const turnBudgetMs = 10
const sayAgainMs = 60_000
/** A poll may see seats that are so old, milliseconds; whoever has just been given one sees it at once. */
const catalogReuseMs = 100

/** The journal that the configuration names. */
export function journalFor(
  campus: OpenCampus,
  config: Config,
  onForgedNotice: (detail: string) => void = () => {},
): Journal {
  const { id } = campus.row
  if (config.rabbitmqAddress !== undefined) {
    return new RabbitJournal({
      url: config.rabbitmqAddress,
      campus: id,
      readKeys: () => readJournalKeys(campus.database),
      onForgedNotice,
      heartbeatSeconds,
      settleMs: config.queueSettleMs,
      prefetch: config.batcherPrefetch,
    })
  }
  return new DirectJournal({
    campus: id,
    tryLock: (signal) =>
      tryLockSession(campus.database, {
        campus: id,
        journal: directIdentity,
        idleTimeoutMs: directIdleMs,
        signal,
      }),
    writeBatch: (tables, message) => writeBatches(tables, [message]),
    isRefusal,
    writeMarker,
    runtime: nodeRuntime,
    pingIntervalMs,
  })
}

export function termLimitsOf(config: Config): TermLimits {
  return {
    recordsMax: config.commitRecordsMax,
    bytesMax: config.commitBytesMax,
    batchRecordsMax: config.batchRecordsMax,
    batchBytesMax: config.batchBytesMax,
    backlogBytesMax: config.backlogBytesMax,
    replyDeadlineMs: config.replyDeadlineMs,
    acknowledge: config.ack,
    mailboxes: { perCourse: config.mailboxMax, perStudent: config.mailboxMax },
    turnBudgetMs,
    catalogReuseMs,
    clockSkewMsMax: config.clockSkewMaxMs,
    keysBytesMax: config.keysBytesMax,
  }
}

/** Builds the engine, refusing a database that another journal feeds. `engine.run()` is the caller's. */
export async function buildEngine(
  campus: OpenCampus,
  config: Config,
  host: ServiceProcess,
  options: {
    readonly evenIfAdoptionNeeded?: boolean
    readonly onState?: (state: EngineState) => void
    readonly stages?: CommandStages
    readonly exposition?: Exposition
  } = {},
): Promise<Engine> {
  const journal = journalFor(campus, config, (detail) =>
    host.log.error({ alarm: 'forged_notice' }, `ALARM forged_notice: ${detail}`),
  )
  await insistOnDatabase(host, () => claimJournal(campus.database, journal.identity))
  // Without a broker nobody else writes decisions.
  if (config.rabbitmqAddress === undefined) keepMonthsAhead(campus.database, host)
  let lastState: EngineState = 'starting'
  /** When each line was told since it led last: what is tried again and again is told once a minute. */
  const said = new Map<string, number>()
  const alarms = engineAlarms(host, options.exposition)
  return new Engine({
    campusId: campus.row.id,
    journal,
    store: new DatabaseCampusStore(campus.database, {
      windowMs: config.windowMs,
      expected: { campus: campus.row.id, journal: journal.identity },
      ...alarms.ofRows,
    }),
    runtime: nodeRuntime,
    limits: termLimitsOf(config),
    ...(options.evenIfAdoptionNeeded === true && { evenIfAdoptionNeeded: true }),
    ...(options.stages !== undefined && { stages: options.stages }),
    onAlarm: alarms.onAlarm,
    onState: (state, detail) => {
      if (state === 'leading') said.clear()
      const nowMs = performance.now()
      const isNew = nowMs - (said.get(detail) ?? -Infinity) > sayAgainMs
      if (isNew) said.set(detail, nowMs)
      if (said.size > 100) said.clear()
      const isTrouble = state === 'unreachable' || (state === 'recovering' && lastState === 'leading')
      if (isNew) host.log[isTrouble ? 'warn' : 'info']({ state }, `engine ${state}: ${detail}`)
      lastState = state
      options.onState?.(state)
    },
  })
}

/** What somebody should look at while the engine goes on: a line in the log for each, and counts for alerts. */
function engineAlarms(host: ServiceProcess, exposition: Exposition | undefined) {
  const counts = new Map<EngineAlarm, number>(alarmsOfEngine.map((alarm) => [alarm, 0]))
  let rowsSetAside = 0
  exposition?.counters('enrollment_engine_alarms_total', 'What somebody should look at, by kind.', () =>
    byLabel('alarm', counts),
  )
  exposition?.gauge(
    'enrollment_rows_set_aside',
    'Rows of the tables that cannot be served as they are, by column; those concerned are turned away.',
    () => rowsSetAside,
  )
  return {
    onAlarm: (alarm: EngineAlarm, detail: string) => {
      counts.set(alarm, (counts.get(alarm) ?? 0) + 1)
      host.log.error({ alarm }, `ALARM ${alarm}: ${detail}`)
    },
    ofRows: {
      onSetAside: (rows: readonly SetAsideRows[], which: 'all' | 'more') => {
        const count = rows.reduce((sum, kind) => sum + kind.count, 0)
        rowsSetAside = which === 'all' ? count : rowsSetAside + count
        for (const kind of rows) {
          host.log.error({ alarm: 'rows_set_aside' }, `ALARM rows_set_aside: ${describeSetAside(kind)}`)
        }
      },
    },
  }
}

/**
 * Starts the batcher that carries RabbitMQ's journal into the tables. It stops with the process, and ends it when the
 * database is no longer its campus's.
 */
export async function startBatcher(
  campus: OpenCampus,
  rabbitmqAddress: string,
  config: Config,
  host: ServiceProcess,
  exposition: Exposition,
): Promise<void> {
  const { identity } = journalFor(campus, config)
  await insistOnDatabase(host, () => claimJournal(campus.database, identity))
  keepMonthsAhead(campus.database, host)
  const tables = new BatcherTables(campus.database, { campus: campus.row.id, journal: identity })
  host.onStop(() => tables.close())
  const metrics = new BatcherMetrics(exposition, nodeRuntime)
  const log = batcherEventLog(host)
  const batcher = new Batcher({
    campusId: campus.row.id,
    source: new RabbitSource({
      url: rabbitmqAddress,
      campus: campus.row.id,
      readKeys: () => readJournalKeys(campus.database),
      isQueueExpected: () => isQueueExpected(campus.database),
      heartbeatSeconds,
      prefetch: config.batcherPrefetch,
    }),
    tables,
    runtime: nodeRuntime,
    recordsMax: config.batcherRecordsMax,
    onEvent: (event) => {
      metrics.note(event)
      log(event)
    },
  })
  host.onStop(() => stopBatcher(batcher, tables, host.graceMs))
  batcher.run().catch((error: unknown) => host.fail(error))
}

/** Lets it finish its transaction, unless the database says nothing: what is not committed is not acknowledged either. */
async function stopBatcher(batcher: Batcher, tables: BatcherTables, graceMs: number): Promise<void> {
  const overdue = setTimeout(() => tables.cutOff(), graceMs)
  await batcher.stop().catch(() => undefined)
  clearTimeout(overdue)
}

/** Says once what is waited for, however often it is tried; an alarm is repeated while it lasts. */
function batcherEventLog(host: ServiceProcess): (event: BatcherEvent) => void {
  let waitingFor = ''
  return (event) => {
    const isRepeated = event.kind === 'waiting' && event.detail === waitingFor
    waitingFor = event.kind === 'waiting' ? event.detail : ''
    if (!isRepeated) logBatcherEvent(host, event)
  }
}

function logBatcherEvent(host: ServiceProcess, event: BatcherEvent): void {
  switch (event.kind) {
    case 'writing':
      return
    case 'wrote':
      host.log.debug(event, 'wrote a batch')
      return
    case 'marker':
      host.log.info(event, `leader ${event.leader}: ${event.judgement}`)
      return
    case 'alarm':
      host.log.error({ alarm: event.alarm }, `ALARM ${event.alarm}: ${event.detail}`)
      return
    case 'waiting':
      host.log.warn(event.detail)
      return
    case 'consuming':
      host.log.info('consuming the journal')
      return
    case 'stopped':
      host.log.info('batcher stopped')
      return
  }
}
