import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { keyId } from '../journal/seal.ts'
import { addJournalKey, dropOldJournalKeys } from '../store/campus-row.ts'
import type { Database } from '../store/database.ts'
import { acceptLosses } from '../store/losses.ts'
import { bodyOfKept, decideOnStuck, type KeptMessage, keptMessages, stateOfKept } from '../store/set-aside.ts'
import type { JournalWish } from './journal-options.ts'
import { databaseOfTool, openCampusForReading } from './open-campus.ts'
import { CommandFailed, ServiceProcess } from './service-process.ts'

const shownMax = 50
/** How long a batcher is waited for; one that is stopped by a message tries again every 5 s. */
const takenOutMs = 20_000

/** `enrollment journal`: what is in the way of the journal, and its keys. */
export async function runJournal(config: Config, wish: JournalWish): Promise<void> {
  const host = new ServiceProcess('journal', config, 'tool')
  await host.runToEnd(async () => {
    const { database } = await openCampusForReading(await databaseOfTool(config, host, 'journal'), host)
    switch (wish.do) {
      case 'show':
        await show(database)
        return
      case 'body':
        await printBody(database, wish.id)
        return
      case 'set-aside':
        await setAside(database, wish)
        return
      case 'accept-loss':
        await acceptLoss(database)
        return
      case 'rotate-key':
        await addJournalKey(database, randomBytes(32).toString('hex'))
        print(
          'leaders sign with a new key from their next term on: start the leading server again, then --drop-old-keys',
        )
        return
      case 'drop-old-keys':
        await dropOldKeys(database)
        return
    }
  })
}

async function acceptLoss(database: Database): Promise<void> {
  const accepted = await acceptLosses(database)
  for (const { leader, seq } of accepted) print(`accepted: record ${seq} of leader ${leader} is lost`)
  if (accepted.length === 0) print('no loss waits to be accepted')
}

async function show(database: Database): Promise<void> {
  const messages = await keptMessages(database, shownMax)
  if (messages.length === 0) print('no message stops the batcher, and none was set aside')
  for (const message of messages) print(describe(message))
  if (messages.length === shownMax)
    print(`the ${shownMax} newest are shown; all are in the table set_aside_messages`)
}

function describe(message: KeptMessage): string {
  const { id, found_at: foundAt, reason, detail, bytes, start, decided_by: by, note } = message
  const end = bytes > start.length ? '…' : ''
  return `${id}  ${foundAt.toISOString()}  ${reason}  ${bytes} bytes  ${stateOf(message)}
    ${detail}${by === null ? '' : `\n    decided by ${by}: ${note}`}
    ${JSON.stringify(start.toString('utf8'))}${end}`
}

function stateOf({ taken_out_at: takenOutAt, decided_by: by }: KeptMessage): string {
  if (takenOutAt !== null) return 'out of the queue'
  return by === null ? 'STOPS THE BATCHER' : 'the next batcher takes it out'
}

async function printBody(database: Database, id: number): Promise<void> {
  const body = await bodyOfKept(database, id)
  if (body === undefined) throw new CommandFailed(noSuchMessage(id))
  process.stdout.write(body)
}

async function setAside(
  database: Database,
  { id, why, by }: Extract<JournalWish, { do: 'set-aside' }>,
): Promise<void> {
  if (!(await decideOnStuck(database, id, by, why))) {
    const state = await stateOfKept(database, id)
    if (state === undefined) throw new CommandFailed(noSuchMessage(id))
    if (state.reason !== 'not_understood')
      throw new CommandFailed(`message ${id} is out of the queue already`)
    print(`message ${id}: ${state.decided_by} has decided so before`)
  } else print(`message ${id}: the decision of ${by} is on record`)
  const untilMs = performance.now() + takenOutMs
  while ((await stateOfKept(database, id))?.taken_out_at === null) {
    if (performance.now() > untilMs) {
      print('no batcher has taken it out yet; one that runs takes it out when it comes to it')
      return
    }
    await sleep(200)
  }
  print('the batcher has taken it out of the queue; if it stops at another one: enrollment journal --show')
}

function noSuchMessage(id: number): string {
  return `there is no message ${id}; enrollment journal --show lists those that a running batcher has found`
}

async function dropOldKeys(database: Database): Promise<void> {
  if (!(await dropOldJournalKeys(database, (key, id) => keyId(key) === id))) {
    throw new CommandFailed(
      'the leader still signs with an older key; start the leading server again, or none of its decisions would be read',
    )
  }
  print('the campus has one key; batchers that run know the others until they are started again')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
