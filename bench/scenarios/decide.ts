import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Finding } from '../report/entry.ts'
import type { Servers } from '../deployment/servers.ts'

const program = join(import.meta.dirname, '../decide.ts')

/** The actors alone, in a process of their own: no HTTP, no journal, nothing to wait for. */
export async function decide({ isTiny }: Pick<Servers, 'isTiny'>): Promise<Finding[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, isTiny ? '0.2' : '4', '--json'])
  const { decided, posted } = JSON.parse(stdout) as { decided: { mean: number }; posted: { mean: number } }
  return [
    {
      scenario: 'decide',
      subject: 'actors',
      conditions: { students: 1000, courses: 1500 },
      figures: {
        decide_and_evolve_per_s: Math.round(1e9 / decided.mean),
        decide_and_evolve_ns: decided.mean,
        mailbox_and_dispatch_ns: posted.mean,
      },
    },
  ]
}
