import { parseArgs } from 'node:util'
import { type RemoteScenario, remoteScenarios } from '../scenarios/remote.ts'
import { scenarios } from '../scenarios/scenario-list.ts'
import type { RemoteService } from '../deployment/remote-deployment.ts'

export const usage = `Load on a real server and batcher, with a PostgreSQL and a RabbitMQ of its own. Every run appends its figures to
bench/results, with commit, seed and machine.

  npm run bench -- [scenario …] [options]

Scenarios (canonical, unless told):
${Object.entries(scenarios)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}
  ${'all'.padEnd(12)} every one of them, and how the figures stand to the targets

Options:
  --seed N     other wishes of the students (default 1)
  --tiny       so small that it only shows that everything works; nothing is recorded
  --no-record  append nothing to bench/results

Against a service that runs already (${remoteScenarios.join(', ')}; nothing is recorded):
  --url URL            http://host:port
  --students FIRST-LAST  who log in and enroll there, each once
  --password TEXT      of all of them; {id} stands for the student's number
  --departments N      whose courses they want: 1 to N (default 60)
`

export interface Arguments {
  readonly names: readonly string[]
  readonly seed: number
  readonly isTiny: boolean
  readonly isRecorded: boolean
  /** Whether the figures are held against the targets. */
  readonly isJudged: boolean
  readonly remote: (RemoteService & { readonly names: readonly RemoteScenario[] }) | undefined
}

/**
 * @returns undefined if it is only to say how it is used
 * @throws with a line for people
 */
export function readArguments(args: string[]): Arguments | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: '1' },
      tiny: { type: 'boolean', default: false },
      'no-record': { type: 'boolean', default: false },
      url: { type: 'string' },
      students: { type: 'string' },
      password: { type: 'string' },
      departments: { type: 'string', default: '60' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const unknown = positionals.find((name) => name !== 'all' && !Object.hasOwn(scenarios, name))
  if (unknown !== undefined) throw new Error(`there is no scenario ${unknown}`)
  if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed wants a whole number')
  const names = positionals.length === 0 ? ['canonical'] : positionals
  return {
    names: names.includes('all') ? everyScenario(values.tiny) : names,
    seed: Number(values.seed),
    isTiny: values.tiny,
    isRecorded: !values.tiny && !values['no-record'],
    isJudged: names.includes('all'),
    remote: values.url === undefined ? undefined : readRemote({ ...values, url: values.url }, names),
  }
}

/** Tiny, those that do what another one does as well are left out. */
function everyScenario(isTiny: boolean): string[] {
  return Object.keys(scenarios).filter((name) => !isTiny || name !== 'sustained')
}

function readRemote(
  {
    url,
    students = '',
    password,
    departments,
  }: { url: string; students?: string; password?: string; departments: string },
  names: readonly string[],
): NonNullable<Arguments['remote']> {
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:') throw new Error('--url wants http://host:port')
  const [, first, last] = /^(\d{1,10})-(\d{1,10})$/.exec(students) ?? []
  if (first === undefined || Number(last) < Number(first)) {
    throw new Error('--students wants the first and the last number, such as 1-1000')
  }
  if (password === undefined) throw new Error('--password is missing')
  if (!/^[1-9]\d{0,4}$/.test(departments)) throw new Error('--departments wants a whole number')
  const wanted = names.map((name) => {
    const known = remoteScenarios.find((one) => one === name)
    if (known === undefined) throw new Error(`with --url there are only ${remoteScenarios.join(', ')}`)
    return known
  })
  return {
    names: wanted,
    url: new URL(url),
    students: { first: Number(first), last: Number(last) },
    password,
    departments: Number(departments),
  }
}
