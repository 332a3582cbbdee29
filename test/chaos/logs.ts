import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Keeps what the processes logged into a folder that is about to be removed. */
export function copyLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (name.endsWith('.log')) copyFileSync(join(from, name), join(to, name))
  }
}
