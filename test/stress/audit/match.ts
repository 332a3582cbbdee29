import { type Caller, canonical, type CommandLog, type Decision } from '../history.ts'
import { Check } from './check.ts'
import { name } from './seats.ts'

/** Two clocks of one machine, rounded to milliseconds. */
const clockSlackMs = 3

/** Which decisions each command led to. */
export interface Matches {
  readonly decisionsOf: ReadonlyMap<CommandLog, readonly Decision[]>
  readonly commandOf: ReadonlyMap<Decision, CommandLog>
  readonly check: Check
}

/**
 * Finds the command behind every decision: by its key, or else by who asked for what and when, since a client
 * sends one command after another.
 */
export function matchDecisions(commands: readonly CommandLog[], decisions: readonly Decision[]): Matches {
  const check = new Check('no decision exists that no client asked for')
  const decisionsOf = new Map<CommandLog, Decision[]>(commands.map((command) => [command, []]))
  const commandOf = new Map<Decision, CommandLog>()
  const keyed = new Map<string, CommandLog>()
  const unkeyed = new Map<string, CommandLog[]>()
  for (const command of commands) {
    if (command.key !== undefined) keyed.set(`${who(command.actor)} ${command.key}`, command)
    else listOf(unkeyed, who(command.actor)).push(command)
  }
  /** How many of each actor's commands without a key are behind. */
  const passed = new Map<string, number>()
  for (const decision of decisions) {
    const actor = who(decision.actor)
    const command =
      decision.key === undefined
        ? nextUnkeyed(unkeyed.get(actor) ?? [], decision, passed)
        : keyed.get(`${actor} ${decision.key}`)
    const isAskedFor =
      command !== undefined &&
      command.student === decision.student &&
      canonical(command.legs) === canonical(decision.legs)
    check.expect(isAskedFor, () => `${name(decision)} by ${actor}: ${canonical(decision.legs)}`)
    if (!isAskedFor) continue
    decisionsOf.get(command)?.push(decision)
    commandOf.set(decision, command)
  }
  return { decisionsOf, commandOf, check }
}

function nextUnkeyed(
  commands: readonly CommandLog[],
  decision: Decision,
  passed: Map<string, number>,
): CommandLog | undefined {
  const actor = who(decision.actor)
  for (let index = passed.get(actor) ?? 0; index < commands.length; index++) {
    const command = commands[index]
    if (command === undefined || decision.at < command.begunAt - clockSlackMs) return undefined
    if (decision.at > command.endedAt + clockSlackMs) continue
    if (canonical(command.legs) !== canonical(decision.legs)) continue
    passed.set(actor, index + 1)
    return command
  }
  return undefined
}

function who({ role, id }: Caller): string {
  return `${role} ${id}`
}

function listOf<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}
