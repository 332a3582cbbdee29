import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { CoreListener } from '../src/core-link/core-listener.ts'
import type { CoreService } from '../src/core-link/gateway-connection.ts'
import { RemoteEngine } from '../src/core-link/remote-engine.ts'

export const linkSecret = 'a secret that engine and gateway share'

export interface LinkedEngine {
  readonly service: RemoteEngine
  readonly listener: CoreListener
  close(): Promise<void>
}

/** The engine as a gateway in another process has it: over a Unix socket, with both ends in this process. */
export async function linkEngine(engine: CoreService, campus: string): Promise<LinkedEngine> {
  const path = join(tmpdir(), `core-${randomUUID().slice(0, 8)}.sock`)
  const common = { campus, log: () => {} }
  const listener = new CoreListener({ service: engine, secrets: [linkSecret], ...common })
  await listener.listen({ protocol: 'unix', path })
  const service = new RemoteEngine({
    addresses: [{ protocol: 'unix', path }],
    secrets: [linkSecret],
    gateway: 'test',
    ...common,
  })
  await eventually(() => service.status().state === engine.status().state)
  return {
    service,
    listener,
    close: async () => {
      service.close()
      await listener.close()
      await rm(path, { force: true })
    },
  }
}
