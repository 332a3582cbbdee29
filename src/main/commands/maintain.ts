import { randomUUID } from 'node:crypto'
import { type AdoptionPlan, applyAdoption, planAdoption } from '../../audit/adopt.ts'
import { describeAdoptionEffect, formatAdoptionPlan } from '../../audit/format-adoption.ts'
import { formatVerification } from '../../audit/format-verification.ts'
import { exitStatusOf, verify } from '../../audit/verify.ts'
import type { Config } from '../../config/config.ts'
import { openAuditReader } from '../../store/audit-reader.ts'
import { directIdentity } from '../../journal/direct-journal.ts'
import { withDrainedQueue } from '../../journal/drained-queue.ts'
import { claimAsMoved, claimAsNewCampus, switchJournal } from '../../store/campus-row.ts'
import { makeDecisionMonths } from '../../store/decision-months.ts'
import { adoptLegs, findings } from '../../store/table-findings.ts'
import { finishAdoption } from '../../store/migrate.ts'
import { buildEngine, heartbeatSeconds, journalFor } from '../compose/engine-part.ts'
import type { MigrateWish } from './moving-options.ts'
import {
  databaseOfTool,
  generatedName,
  openCampus,
  openCampusForReading,
  type OpenCampus,
} from '../compose/open-campus.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'
import { refuseWhileLed, withDirectLock } from '../compose/without-leader.ts'

/** `enrollment migrate`: brings the tables up to date, and says what the database is from now on, if asked to. */
export async function runMigrate(config: Config, wish: MigrateWish): Promise<void> {
  const { copy } = wish
  const work = async (campus: OpenCampus, host: ServiceProcess): Promise<void> => {
    const { database } = campus
    let { id } = campus.row
    if (copy === 'moved') {
      const wasCopy = await claimAsMoved(database)
      print(wasCopy ? `campus ${id} lives here from now on` : `campus ${id} lives here already`)
    } else if (copy === 'new campus') {
      const before = id
      id = config.campus ?? generatedName()
      await claimAsNewCampus(database, id)
      print(`campus: ${before} -> ${id}, with queues and secrets of its own`)
    }
    if (wish.switchJournal)
      await switchJournalTo(journalFor(campus, config).identity, campus, config, host, wish)
    await makeDecisionMonths(database)
    print(`campus ${id}: the tables are up to date; ${describeApplied(campus.applied)}`)
  }
  await maintain('migrate', config, work, { copy })
}

/** Names another journal as the one that feeds the database, once nobody leads and the old one holds nothing. */
async function switchJournalTo(
  to: string,
  { database, row }: OpenCampus,
  config: Config,
  host: ServiceProcess,
  { acceptLoss: evenIfLost }: MigrateWish,
): Promise<void> {
  const { id: campus, journal: from } = row
  const { oldRabbitmqAddress: url } = config
  if (from === to && url === undefined) {
    print(`journal: ${to}, as before`)
    return
  }
  const change = () => switchJournal(database, { from, to, evenIfLost })
  const { signal } = host
  if (from === undefined) await change()
  else if (from === directIdentity) await withDirectLock({ database, campus, signal }, change)
  else if (url !== undefined) {
    await withDrainedQueue({ url, campus, heartbeatSeconds, signal }, change)
  } else if (evenIfLost) await change()
  else {
    throw new CommandFailed(
      `the journal is ${from}, and only its broker knows whether it is empty: name that in ` +
        'ENROLLMENT_OLD_RABBITMQ_ADDRESS (if it is gone for good, add --accept-loss)',
    )
  }
  print(`journal: ${from ?? 'none'} -> ${to}`)
}

/**
 * `enrollment verify`: replays the decisions over the baseline and compares.
 * @returns the exit status: 1 on a difference
 */
export async function runVerify(config: Config, options: { readonly json: boolean }): Promise<number> {
  const host = new ServiceProcess('verify', config, 'tool')
  return await host.runToEnd(async () => {
    // It may be run beside servers of another version: it looks, and changes nothing.
    const campus = await openCampusForReading(await databaseOfTool(config, host, 'verify'), host)
    const reader = await openAuditReader(campus.database)
    try {
      const verification = await verify(reader)
      if (options.json) print(JSON.stringify(verification))
      else for (const line of formatVerification(verification)) print(line)
      return exitStatusOf(verification)
    } finally {
      await reader.close()
    }
  })
}

/** `enrollment adopt`: tells, or with `apply` makes by recorded decisions, what an older database needs. */
export async function runAdopt(config: Config, options: { readonly apply: boolean }): Promise<void> {
  await maintain('adopt', config, async (campus, host) => {
    const plan = await readPlan(campus)
    for (const line of formatAdoptionPlan(plan, { applying: options.apply })) print(line)
    if (!options.apply) return
    if (plan.isBlocked)
      throw new CommandFailed('rows must be corrected by hand before the rest can be adopted')
    if (plan.courses.length > 0) {
      await refuseWhileLed(campus, config, host)
      await applyPlan(campus, config, host, plan)
    }
    // Also when there is nothing left to decide: an earlier run may have ended before this.
    await finishAdoption(campus.database)
    print('adopted: the tables can be served')
  })
}

async function applyPlan(
  campus: OpenCampus,
  config: Config,
  host: ServiceProcess,
  plan: AdoptionPlan,
): Promise<void> {
  const engine = await buildEngine(campus, config, host, { evenIfAdoptionNeeded: true })
  host.onStop(() => engine.stop(host.graceMs))
  engine.run().catch((error: unknown) => host.fail(error))
  await applyAdoption(engine, plan, {
    runId: randomUUID(),
    signal: host.signal,
    onProgress: ({ course, effects, done, total }) => {
      print(`adopted course ${course} (${done} of ${total})`)
      for (const effect of effects) print(`  ${describeAdoptionEffect(effect)}`)
    },
    onWaiting: (detail) => host.log.warn(detail),
  })
}

async function readPlan(campus: OpenCampus): Promise<AdoptionPlan> {
  const found = await findings(campus.database)
  const reader = await openAuditReader(campus.database)
  try {
    return await planAdoption(found, adoptLegs(found), reader.tables)
  } finally {
    await reader.close()
  }
}

async function maintain<Result>(
  command: string,
  config: Config,
  work: (campus: OpenCampus, host: ServiceProcess) => Promise<Result>,
  options: { readonly copy?: MigrateWish['copy'] } = {},
): Promise<Result> {
  const host = new ServiceProcess(command, config, 'tool')
  return await host.runToEnd(async () => {
    const url = await databaseOfTool(config, host, command)
    return await work(await openCampus(url, config, host, options), host)
  })
}

function describeApplied(names: readonly string[]): string {
  const [first] = names
  if (first === undefined) return 'nothing was to be applied'
  return names.length === 1
    ? `applied ${first}`
    : `applied ${names.length} migrations, ${first} to ${names.at(-1)}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
