import { coursesOf } from '../../actors/messages/commands.ts'
import type { DecisionRecord, Effect } from '../../actors/messages/records.ts'
import { Batcher } from '../../src/journal/batcher.ts'
import { readConfig } from '../../src/config/read-config.ts'
import type { BatchTransaction, TableStore } from '../../src/journal/batcher-ports.ts'
import type { Position } from '../../src/engine/ports.ts'
import { RabbitSource } from '../../src/journal/rabbit-source.ts'
import { nodeRuntime } from '../../src/main/node-runtime.ts'
import { openCampus, requireDatabaseUrl } from '../../src/main/compose/open-campus.ts'
import { ServiceProcess } from '../../src/main/service-process.ts'
import { readJournalKeys } from '../../src/store/campus-row.ts'
import { type Client, type Database, endQuietly } from '../../src/store/database.ts'
import { batchTransactions } from '../../src/store/table-store.ts'

// Our batcher, with one prepared INSERT, UPDATE or DELETE for each row in place of COPY and set-based folding; as many
// messages in a transaction as ours.

const heartbeatSeconds = 5

const insertDecision = {
  name: 'row_insert_decision',
  text: `INSERT INTO decisions (term, seq, at, actor_role, actor_id, student_id, legs, effects, reasons, remaining, key,
      request_hash, request, course_id)
    VALUES ($1, $2, to_timestamp($3::float8 / 1000), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
}
const insertPlace = {
  name: 'row_insert_place',
  text: `INSERT INTO enrolled_courses (course_id, group_id, student_id, reserved, reserve_order) VALUES ($1, $2, $3, $4, $5)`,
}
const promote = {
  name: 'row_promote',
  text: `UPDATE enrolled_courses SET reserved = FALSE, reserve_order = NULL
    WHERE course_id = $1 AND group_id = $2 AND student_id = $3`,
}
const deletePlace = {
  name: 'row_delete_place',
  text: 'DELETE FROM enrolled_courses WHERE course_id = $1 AND group_id = $2 AND student_id = $3',
}
const spendActions = {
  name: 'row_spend_actions',
  text: 'UPDATE students SET remaining_actions = $2 WHERE id = $1',
}
const movePosition = {
  name: 'row_move_position',
  text: 'UPDATE journal_position SET seq = $1, at_ms = greatest(at_ms, $2)',
}

class RowTables implements TableStore {
  readonly #database: Database
  #session: { readonly client: Client; readonly tables: TableStore } | undefined

  constructor(database: Database) {
    this.#database = database
  }

  async begin(): Promise<BatchTransaction> {
    this.#session ??= await this.#connect()
    const { client, tables } = this.#session
    const transaction = await tables.begin()
    return {
      position: transaction.position,
      hasEarly: transaction.hasEarly,
      keepEarly: (leader, batches) => transaction.keepEarly(leader, batches),
      takeEarly: (seq) => transaction.takeEarly(seq),
      earlyRange: () => transaction.earlyRange(),
      missingAnswered: () => transaction.missingAnswered(),
      isLossAccepted: (leader) => transaction.isLossAccepted(leader),
      recordLoss: (lost) => transaction.recordLoss(lost),
      acceptsUnsigned: transaction.acceptsUnsigned,
      judgementOf: (leader) => transaction.judgementOf(leader),
      isApplied: (record) => transaction.isApplied(record),
      appliedRecords: (leader, from, to) => transaction.appliedRecords(leader, from, to),
      recordMarker: (marker) => transaction.recordMarker(marker),
      recordVoids: (leader, records) => transaction.recordVoids(leader, records),
      apply: (records) => applyRows(client, transaction.position, records),
      setAside: (strays) => transaction.setAside(strays),
      mayPass: (stuck) => transaction.mayPass(stuck),
      commit: () => transaction.commit(),
      rollback: () => transaction.rollback(),
    }
  }

  async close(): Promise<void> {
    if (this.#session !== undefined) await endQuietly(this.#session.client)
  }

  async #connect() {
    const client = await this.#database.connect()
    return { client, tables: batchTransactions(client) }
  }
}

async function applyRows(
  client: Client,
  { term }: Position,
  records: readonly DecisionRecord[],
): Promise<void> {
  for (const record of records) {
    await client.query({
      ...insertDecision,
      values: [
        term,
        record.seq,
        record.at,
        record.actor.role,
        record.actor.id,
        record.student,
        JSON.stringify(record.legs),
        record.effects && JSON.stringify(record.effects),
        record.reasons && JSON.stringify(record.reasons),
        record.remaining,
        record.key,
        record.requestHash,
        record.request,
        coursesOf(record.legs)[0],
      ],
    })
    for (const effect of record.effects ?? []) await applyEffect(client, effect)
  }
  const last = records.at(-1)
  await client.query({ ...movePosition, values: [last?.seq, last?.at] })
}

async function applyEffect(client: Client, effect: Effect): Promise<void> {
  switch (effect.type) {
    case 'registered':
    case 'reserved': {
      const order = effect.type === 'reserved' ? effect.order : null
      const values = [effect.course, effect.group, effect.student, order !== null, order]
      await client.query({ ...insertPlace, values })
      return
    }
    case 'promoted':
      await client.query({ ...promote, values: [effect.course, effect.group, effect.student] })
      return
    case 'left':
      await client.query({ ...deletePlace, values: [effect.course, effect.group, effect.student] })
      return
    case 'actions_spent':
      await client.query({ ...spendActions, values: [effect.student, effect.remaining] })
      return
    case 'extra_seat_given':
    case 'extra_seat_ended':
    case 'capacity_changed':
    case 'duplicates_removed':
    case 'group_changed':
    case 'group_opened':
    case 'group_closed':
    case 'group_cancelled':
    case 'group_added':
    case 'conflicts_arose':
    case 'student_added':
    case 'window_changed':
    case 'max_units_changed':
    case 'actions_changed':
      throw new Error(`no student of a benchmark does this: ${effect.type}`)
  }
}

const config = readConfig(process.env)
const host = new ServiceProcess('batcher', config, 'service')
await host.run(async () => {
  const campus = await openCampus(requireDatabaseUrl(config, 'batcher'), config, host)
  const tables = new RowTables(campus.database)
  host.onStop(() => tables.close())
  const batcher = new Batcher({
    campusId: campus.row.id,
    source: new RabbitSource({
      url: config.rabbitmqAddress ?? '',
      campus: campus.row.id,
      readKeys: () => readJournalKeys(campus.database),
      heartbeatSeconds,
      prefetch: config.batcherPrefetch,
    }),
    tables,
    runtime: nodeRuntime,
    recordsMax: config.batcherRecordsMax,
    onEvent: (event) => {
      if (event.kind === 'alarm') host.log.error(event, 'ALARM')
    },
  })
  host.onStop(() => batcher.stop())
  void batcher.run()
})
