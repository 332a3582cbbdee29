import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive, startTimeOf } from './processes.ts'

/** Another process uses the data directory. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning'
  readonly pid: number

  constructor(directory: string, pid: number) {
    super(
      `Already running: process ${pid} uses the data directory ${directory}. Stop it, or set ENROLLMENT_DATA to another.`,
    )
    this.pid = pid
  }
}

interface Holder {
  readonly pid: number
  readonly startTime?: string
}

function readHolder(file: string): { content: string; holder: Holder | undefined } | undefined {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  try {
    return { content, holder: JSON.parse(content) as Holder }
  } catch {
    return { content, holder: undefined }
  }
}

/** The id alone proves nothing: ids are used again, also across a restart of the machine. */
function isHeld(holder: Holder | undefined): holder is Holder {
  if (holder === undefined || !isAlive(holder.pid)) return false
  return startTimeOf(holder.pid) === holder.startTime
}

/**
 * Takes an existing directory for this process; the lock of a process that was killed does not count.
 * @returns gives it back
 * @throws AlreadyRunning
 */
export function lockDirectory(directory: string): () => void {
  const lock = join(directory, 'lock')
  const mine = `${lock}.${process.pid}`
  const startTime = startTimeOf(process.pid)
  const content = JSON.stringify({ pid: process.pid, startTime })
  rmSync(mine, { force: true })
  // Never what a link of that name leads to.
  writeFileSync(mine, content, { flag: 'wx' })
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, and never replaces what is there.
        linkSync(mine, lock)
        return () => rmSync(lock, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const found = readHolder(lock)
      if (found === undefined) continue
      if (isHeld(found.holder)) throw new AlreadyRunning(directory, found.holder.pid)
      removeStale(lock, `${mine}.stale`, found.content)
    }
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Takes a stale lock away, and puts it back if a faster process had replaced it by its own meanwhile. */
function removeStale(lock: string, aside: string, content: string): void {
  try {
    renameSync(lock, aside)
  } catch {
    return
  }
  if (readHolder(aside)?.content !== content) linkSync(aside, lock)
  rmSync(aside, { force: true })
}
