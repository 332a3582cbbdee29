import pg from 'pg'
import type { Check } from '../stress/audit/check.ts'
import { compareWithTables } from './audit.ts'
import { stretchOf } from './figures.ts'
import { outcomes, type Traffic } from './outcomes.ts'
import { firstScarce } from './requests.ts'
import { Deployment } from './overload-deployment.ts'
import type { Setting, TrialOptions } from './trial.ts'

/** How often they ask, in a second. */
const rates = { often: 100, seldom: 1 }

export interface ContestResult {
  readonly setting: Setting
  /** Of each kind. */
  readonly contestants: number
  readonly seconds: number
  readonly seats: { readonly often: number; readonly seldom: number }
  /** Requests that came to a decision, yes or no. */
  readonly heard: { readonly often: number; readonly seldom: number }
  readonly checks: readonly Check[]
}

/**
 * During an overload, some students ask for scarce seats a hundred times a second and as many others once a second,
 * whatever they are answered: who gets more of them?
 * @param contestants of each kind
 */
export async function runContest(
  setting: Setting,
  contestants: number,
  { say, seconds, measureSeconds }: TrialOptions,
): Promise<ContestResult> {
  const stand = await Deployment.open({ ...setting, campusId: 'overload', contestants: 2 * contestants, say })
  try {
    stand.proxy.slow(setting.journalDelayMs)
    const measured = await stand.sender.sendClosed(setting.senders, measureSeconds)
    const maximum = stretchOf(measured, measureSeconds * 250, measureSeconds * 1000).goodput
    const firstOften = setting.students - 2 * contestants + 1
    const firstSeldom = firstOften + contestants
    const competing = Array.from({ length: contestants }, (_, index) => [
      { student: firstOften + index, perSecond: rates.often },
      { student: firstSeldom + index, perSecond: rates.seldom },
    ]).flat()
    say(`contest: ${contestants} students ask ${rates.often} times a second, ${contestants} once`)
    const traffic = await stand.sender.sendScheduled(
      [{ perSecond: maximum * setting.times, seconds }],
      competing,
    )
    await stand.untilWritten()
    const agreed = await stand.stopAndVerify()
    const seats = await countSeats(stand.databaseUrl, firstOften, firstSeldom)
    const { checks } = await compareWithTables(stand.databaseUrl, [measured, traffic])
    return {
      setting,
      contestants,
      seconds,
      seats,
      heard: heardOf(traffic, firstOften, firstSeldom),
      checks: [...checks, agreed],
    }
  } finally {
    await stand.close()
  }
}

async function countSeats(
  databaseUrl: string,
  firstOften: number,
  firstSeldom: number,
): Promise<ContestResult['seats']> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ often: number; seldom: number }>(
      `SELECT count(*) FILTER (WHERE student_id < $2)::int AS often, count(*) FILTER (WHERE student_id >= $2)::int AS seldom
       FROM enrolled_courses WHERE student_id >= $1 AND course_id >= $3`,
      [firstOften, firstSeldom, firstScarce],
    )
    return rows[0] ?? { often: 0, seldom: 0 }
  } finally {
    await client.end()
  }
}

function heardOf(
  { count, contestant, outcome }: Traffic,
  firstOften: number,
  firstSeldom: number,
): ContestResult['heard'] {
  const heard = { often: 0, seldom: 0 }
  for (let index = 0; index < count; index++) {
    const student = contestant[index] ?? 0
    const told = outcome[index]
    if (student < firstOften || (told !== outcomes.done && told !== outcomes.refused)) continue
    if (student < firstSeldom) heard.often++
    else heard.seldom++
  }
  return heard
}
