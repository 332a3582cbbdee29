import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readKeys } from '../../kit/journal-keys.ts'
import { RabbitJournal } from '../../src/journal/rabbit-journal.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import { orderOfSystemCalls } from './system-calls.ts'

const appends = 60

/**
 * Attaches strace to a process.
 * @returns how to detach it; or, in words, why it cannot be attached
 */
async function trace(pid: number, output: string): Promise<(() => Promise<void>) | string> {
  const calls = 'trace=recvfrom,recvmsg,read,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync'
  const args = ['-f', '-y', '-xx', '-s', '8192', '-e', calls, '-o', output, '-p', String(pid)]
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<string>((resolve) => {
    strace.once('error', (error) => resolve(error.message))
    strace.once('close', (code) => resolve(`status ${code}`))
  })
  let said = ''
  const attached = new Promise<undefined>((resolve) => {
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (/attached/.test(said)) resolve(undefined)
    })
  })
  const why = await Promise.race([attached, ended])
  if (why !== undefined) return `${why} ${said}`.trim()
  return async () => {
    strace.kill('SIGINT')
    await ended
  }
}

test('the broker writes a decision to its disk, and waits for the disk, before it confirms it: each of them', async (t) => {
  const rabbit = await startRabbit()
  const directory = mkdtempSync(join(tmpdir(), 'enrollment-strace-'))
  t.after(async () => {
    await rabbit.remove()
    rmSync(directory, { recursive: true })
  })
  const campus = `synced-${randomUUID().slice(0, 8)}`
  const journal = new RabbitJournal({
    url: rabbit.address,
    campus,
    readKeys,
    heartbeatSeconds: 60,
    settleMs: 0,
    prefetch: 64,
  })
  const term = await journal.acquire(new AbortController().signal, () => {})
  const leader = randomUUID()
  const output = join(directory, 'calls')
  const detach = await trace(rabbit.pid, output)
  if (typeof detach === 'string') {
    process.stderr.write(`\nNOT RUN: whether a confirm follows a sync, for want of strace: ${detach}\n\n`)
    t.skip(`strace cannot be attached: ${detach}`)
    return
  }
  for (let seq = 1; seq <= appends; seq++) {
    await term.append({
      version: 1,
      campus,
      leader,
      records: [
        {
          seq,
          at: 1,
          actor: { role: 'student', id: 1 },
          student: 1,
          legs: [{ do: 'drop', course: 1 }],
          effects: [],
          key: `mark-${seq}-`,
          requestHash: 'h',
        },
      ],
    })
  }
  await detach()
  await term.close()
  const order = orderOfSystemCalls(readFileSync(output, 'latin1'), (seq) => `mark-${seq}-`, appends)
  assert.deepEqual(
    order.filter(({ calls }) => calls !== 'received, written, synced, confirmed'),
    [],
  )
  assert.equal(order.length, appends)
})
