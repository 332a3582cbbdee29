import { userInfo } from 'node:os'
import { CommandFailed } from '../service-process.ts'

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

export const journalHelp = `\
  enrollment journal --show                        messages that stop the batcher, and those that were set aside
  enrollment journal --body 3 > message            one of them as it was found
  enrollment journal --set-aside 3 --why "a test message of the new version"
  enrollment journal --accept-loss                 go on although acknowledged decisions are lost (alarm lost_tail)
  enrollment journal --accept-loss --leader UUID   go on without the decisions of a leader that a restored database does not know
  enrollment journal --rotate-key                  sign with another key; the ones before still verify
  enrollment journal --drop-old-keys               once the leading server was started again
What this campus has not signed never stops anybody: a copy is kept, and that is all. A message that it has signed and the
batcher does not understand stops it: upgrade the batcher first. --set-aside puts on record that it go on without that
message, who decided so (--by, otherwise the user of this system) and why; a batcher must be running, which takes it out of the
queue. If decisions were in it, they are lost, and so are those behind it until the servers were started again.
While the tables lack records that were acknowledged, nobody leads; enrollment verify names the last of them. --accept-loss
lets leaders begin again without them, for good: tell those whom it concerns first, see docs/runbook.md. It asks the broker, so
RABBITMQ_ADDRESS must name it; where the queue itself is gone, it gives up what that held, and the next leader makes it anew.`

export type JournalWish =
  | { readonly do: 'show' | 'rotate-key' | 'drop-old-keys' }
  | { readonly do: 'accept-loss'; readonly leader: string | undefined }
  | { readonly do: 'body'; readonly id: number }
  | { readonly do: 'set-aside'; readonly id: number; readonly why: string; readonly by: string }

/** @throws CommandFailed when the options do not fit together */
export function journalWishOf(values: Values): JournalWish {
  const { body, why, by, 'set-aside': setAside } = values
  const wishes: JournalWish[] = (['show', 'rotate-key', 'drop-old-keys'] as const)
    .filter((name) => values[name] === true)
    .map((name) => ({ do: name }))
  if (values['accept-loss'] === true) {
    const { leader } = values
    if (leader !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(String(leader))) {
      throw new CommandFailed('--leader wants the id that the alarm unknown_leader names')
    }
    wishes.push({ do: 'accept-loss', leader: leader === undefined ? undefined : String(leader) })
  }
  if (typeof body === 'string') wishes.push({ do: 'body', id: numberOf('body', body) })
  if (typeof setAside === 'string') {
    if (typeof why !== 'string' || why.trim() === '') {
      throw new CommandFailed('enrollment journal --set-aside wants --why "…": the decision is put on record')
    }
    wishes.push({
      do: 'set-aside',
      id: numberOf('set-aside', setAside),
      why,
      by: typeof by === 'string' ? by : userInfo().username,
    })
  }
  const [wish, another] = wishes
  if (wish === undefined || another !== undefined) {
    throw new CommandFailed(
      'enrollment journal wants one of --show, --body N, --set-aside N, --accept-loss, --rotate-key and --drop-old-keys',
    )
  }
  return wish
}

function numberOf(option: string, text: string): number {
  const number = Number(text)
  if (/^\d{1,15}$/.test(text)) return number
  throw new CommandFailed(`--${option} wants the number of a message, as enrollment journal --show has it`)
}
