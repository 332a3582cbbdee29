import { setTimeout as sleep } from 'node:timers/promises'
import { describeMachine, readCommit } from './measure/machine.ts'
import { type Arguments, readArguments, usage } from './report/arguments.ts'
import { endWhenToldTo, runCommand, sayWithTime } from '../kit/command.ts'
import { type Finding, record, type RunContext } from './report/entry.ts'
import { formatContext, formatFinding } from './report/format.ts'
import { formatTargets, judgeTargets } from './report/targets.ts'
import { runRemote } from './scenarios/remote.ts'
import { scenarios } from './scenarios/scenario-list.ts'
import { type Servers, startServers } from './deployment/servers.ts'

/** A scenario that takes longer hangs; the run ends with it. */
const scenarioMsMax = 420_000

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** @returns the names of the scenarios that failed */
async function runScenarios({ names, seed, isTiny, isRecorded, isJudged }: Arguments): Promise<string[]> {
  const say = sayWithTime()
  const ground = await startServers({ seed, isTiny, say })
  const failed: string[] = []
  try {
    const machine = await describeMachine({
      databaseUrl: ground.postgresUrl,
      rabbitAddress: ground.rabbitAddress,
    })
    const at = new Date().toISOString()
    const context: RunContext = { at, commit: readCommit(), seed, isTiny, machine }
    print(formatContext(context))
    const all: Finding[] = []
    for (const name of names) {
      say(name)
      try {
        const findings = await runScenario(name, ground)
        for (const finding of findings) print(['', ...formatFinding(finding)])
        if (isRecorded) record(context, findings)
        all.push(...findings)
      } catch (error) {
        if (error instanceof Hanging) throw error
        // The others are worth something all the same.
        failed.push(name)
        say(`${name} FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      }
    }
    if (isJudged && !isTiny) print(['', ...formatTargets(judgeTargets(all))])
  } finally {
    await ground.remove()
  }
  return failed
}

class Hanging extends Error {
  override readonly name = 'Hanging'
}

async function runScenario(name: string, ground: Servers): Promise<Finding[]> {
  const over = new AbortController()
  const hanging = sleep(scenarioMsMax, undefined, { signal: over.signal }).then(() => {
    throw new Hanging(`${name} is not done after ${scenarioMsMax / 1000} s`)
  })
  hanging.catch(() => {})
  try {
    return await Promise.race([scenarios[name]?.run(ground) ?? [], hanging])
  } finally {
    over.abort()
  }
}

/** @returns the exit status */
async function bench(wanted: Arguments): Promise<number> {
  endWhenToldTo()
  const { remote } = wanted
  if (remote !== undefined) {
    for (const name of remote.names) {
      for (const finding of await runRemote(name, remote, wanted)) print(['', ...formatFinding(finding)])
    }
    return 0
  }
  const failed = await runScenarios(wanted)
  if (failed.length > 0) process.stderr.write(`failed: ${failed.join(', ')}\n`)
  return failed.length === 0 ? 0 : 1
}

process.exitCode = await runCommand(usage, () => readArguments(process.argv.slice(2)), bench)
