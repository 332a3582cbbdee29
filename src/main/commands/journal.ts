import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { directIdentity } from '../../journal/direct-journal.ts'
import { journalQueueExists } from '../../journal/queues.ts'
import { onWorkingSession } from '../../journal/rabbit-session.ts'
import { keyId } from '../../journal/seal.ts'
import { addJournalKey, dropOldJournalKeys, isQueueExpected } from '../../store/campus-row.ts'
import type { Database } from '../../store/database.ts'
import { acceptLosses, acceptUnknownLeader } from '../../store/losses.ts'
import {
  bodyOfKept,
  decideOnStuck,
  type KeptMessage,
  keptMessages,
  stateOfKept,
} from '../../store/kept-messages.ts'
import { heartbeatSeconds, journalFor } from '../compose/engine-part.ts'
import type { JournalWish } from './journal-options.ts'
import { databaseOfTool, openCampusForReading, type OpenCampus } from '../compose/open-campus.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'

const shownMax = 50
/** How long a batcher is waited for; one that is stopped by a message tries again every 5 s. */
const takenOutMs = 20_000

/** `enrollment journal`: what is in the way of the journal, and its keys. */
export async function runJournal(config: Config, wish: JournalWish): Promise<void> {
  const host = new ServiceProcess('journal', config, 'tool')
  await host.runToEnd(async () => {
    const campus = await openCampusForReading(await databaseOfTool(config, host, 'journal'), host)
    const { database } = campus
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
        if (wish.leader === undefined) await acceptLoss(campus, config, host)
        else await giveUpLeader(database, wish.leader)
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

async function acceptLoss(campus: OpenCampus, config: Config, host: ServiceProcess): Promise<void> {
  const isQueueGone = await isQueueLost(campus, config, host)
  const accepted = await acceptLosses(campus.database, { isQueueGone })
  for (const { leader, seq } of accepted) print(`accepted: record ${seq} of leader ${leader} is lost`)
  if (isQueueGone)
    print('accepted: the journal queue is gone, with what it held; the next leader makes it anew')
  else if (accepted.length === 0) print('no loss waits to be accepted')
}

async function giveUpLeader(database: Database, leader: string): Promise<void> {
  if (!(await acceptUnknownLeader(database, leader))) {
    throw new CommandFailed(`the tables know leader ${leader}; its losses are accepted without --leader`)
  }
  print(
    `accepted: what the queue holds of leader ${leader} goes to void_records; the batcher goes on by itself`,
  )
}

/** Whether terms came through the queue and its broker has it no more; another broker's word says nothing. */
async function isQueueLost(campus: OpenCampus, config: Config, host: ServiceProcess): Promise<boolean> {
  const { id, journal } = campus.row
  const { rabbitmqAddress: url } = config
  if (journal === undefined || journal === directIdentity || !(await isQueueExpected(campus.database)))
    return false
  if (url === undefined || journalFor(campus, config).identity !== journal) {
    throw new CommandFailed(
      `the journal is ${journal}: only its broker knows what is lost; correct RABBITMQ_ADDRESS`,
    )
  }
  const options = { url, heartbeatSeconds }
  const onFailed = (line: string) => host.log.warn(line)
  return await onWorkingSession(
    { options, name: `${id} journal`, signal: host.signal, onFailed },
    async (session) => {
      const exists = await journalQueueExists(session, id)
      await session.close()
      return !exists
    },
  )
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
