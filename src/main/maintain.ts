import { randomUUID } from 'node:crypto'
import { type AdoptionPlan, applyAdoption, planAdoption } from '../audit/adopt.ts'
import { describeAdoptionEffect, formatAdoptionPlan } from '../audit/format-adoption.ts'
import { formatVerification } from '../audit/format-verification.ts'
import { exitStatusOf, verify } from '../audit/verify.ts'
import type { Config } from '../config.ts'
import { openAuditReader } from '../store/audit-reader.ts'
import { switchJournal } from '../store/campus-row.ts'
import { makeDecisionMonths } from '../store/decision-months.ts'
import { adoptLegs, findings } from '../store/findings.ts'
import { finishAdoption } from '../store/migrate.ts'
import { buildEngine, journalFor } from './engine-part.ts'
import { databaseOfTool, openCampus, openCampusForReading, type OpenCampus } from './open-campus.ts'
import { CommandFailed, ServiceProcess } from './service-process.ts'

/** `enrollment migrate`: brings the tables up to date; with `switchJournal`, names the journal that feeds them. */
export async function runMigrate(
  config: Config,
  options: { readonly switchJournal: boolean },
): Promise<void> {
  await maintain('migrate', config, async (campus) => {
    if (options.switchJournal) {
      const { identity } = journalFor(campus, config)
      const before = await switchJournal(campus.database, identity)
      print(`journal: ${before ?? 'none'} -> ${identity}`)
    }
    await makeDecisionMonths(campus.database)
    print(`campus ${campus.row.id}: the tables are up to date`)
  })
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
    if (plan.courses.length > 0) await applyPlan(campus, config, host, plan)
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
): Promise<Result> {
  const host = new ServiceProcess(command, config, 'tool')
  return await host.runToEnd(async () => {
    const url = await databaseOfTool(config, host, command)
    return await work(await openCampus(url, config, host), host)
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
