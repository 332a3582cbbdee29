import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../kit/eventually.ts'
import { RemoteEngine } from './remote-engine.ts'

test('a gateway that finds REST where it wants a core link says which setting is wrong, over TCP and on a socket', async (t) => {
  const rest = createServer((_request, response) => response.end('{}'))
  const folder = await mkdtemp(join(tmpdir(), 'no-core-link-'))
  t.after(() => rm(folder, { recursive: true }))
  for (const where of [0, join(folder, 'rest.sock')]) {
    if (typeof where === 'string') rest.listen(where)
    else rest.listen(where, '127.0.0.1')
    await once(rest, 'listening')
    const bound = rest.address()
    const engines = new RemoteEngine({
      addresses: [
        typeof bound === 'string'
          ? { protocol: 'unix', path: bound }
          : { protocol: 'tcp', host: '127.0.0.1', port: bound?.port ?? 0 },
      ],
      campus: 'north',
      secrets: ['a secret that engine and gateway share'],
      gateway: 'test',
      log: () => {},
    })
    t.after(() => engines.close())
    await eventually(() => /REST.*CORE_ADDRESS wants.*ENROLLMENT_CORE_LISTEN/.test(engines.status().detail))
    rest.closeAllConnections()
    rest.close()
    await once(rest, 'close')
  }
})
