import assert from 'node:assert/strict'
import { eventually } from '../../kit/eventually.ts'
import { CliProcess, type Environment } from '../../kit/load/cli-process.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { HttpClient } from '../../kit/rest-client.ts'

import type { Keeper } from '../../kit/servers/keeper.ts'

/** A server process of its own, on a loopback port of its own. */
export interface ServedCampus {
  readonly process: CliProcess
  readonly port: number
  readonly client: HttpClient
  stop(): Promise<void>
}

/** Starts `enrollment server` (or `start`) and resolves once it leads. */
export async function serveCampus(
  keeper: Keeper,
  environment: Environment,
  command: 'server' | 'start' = 'server',
): Promise<ServedCampus> {
  const port = await freePort()
  const process = new CliProcess(
    command,
    { ENROLLMENT_QUEUE_SETTLE: '0s', ...environment, LISTEN_ADDRESS: `127.0.0.1:${port}` },
    keeper,
  )
  const client = new HttpClient(`http://127.0.0.1:${port}`)
  await eventually(async () => {
    assert.ok(process.isRunning, process.lastWords())
    return (await client.send('GET /readyz').catch(() => undefined))?.status === 200
  })
  const stop = async () => {
    client.close()
    await process.end('SIGTERM')
  }
  return { process, port, client, stop }
}

/** Resolves once a process has logged this. */
export async function untilLogged(process: CliProcess, what: RegExp): Promise<void> {
  await eventually(() => {
    const found = what.test(process.lastWords(10_000))
    assert.ok(found || process.isRunning, process.lastWords())
    return found
  })
}

export async function login(
  client: HttpClient,
  user: number,
  password: string,
  staff = false,
): Promise<string> {
  const answer = await client.send('POST /login', { body: { user, password, staff } })
  assert.equal(answer.status, 200, answer.text)
  return (answer.body as { token: string }).token
}
