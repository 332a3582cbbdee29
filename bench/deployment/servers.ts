import { tmpdir } from 'node:os'
import { Keeper } from '../../kit/servers/keeper.ts'
import { startPostgres } from '../../kit/servers/postgres.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import type { ServiceOptions } from '../../kit/load/service.ts'
import type { ProcessGroup } from '../measure/process-usage.ts'

/** What all scenarios of one run share: a PostgreSQL and a RabbitMQ of its own, and what was asked for. */
export interface Servers {
  readonly postgresUrl: string
  readonly rabbitAddress: string
  readonly postgresql: ProcessGroup
  readonly rabbitmq: ProcessGroup
  /** What is started under it ends with this run, however that ends. */
  readonly keeper: Keeper
  /** How the service's processes are run, where not as usual. */
  readonly launch?: ServiceOptions['launch']
  readonly seed: number
  /** So small that it only shows that everything works. */
  readonly isTiny: boolean
  /** Called with how far it is. */
  readonly say: (line: string) => void
  remove(): Promise<void>
}

/** As a service of this size would have them; what is confirmed is flushed, as in production. */
const postgresSettings = {
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  fsync: 'on',
  synchronous_commit: 'on',
}

export async function startServers(options: Pick<Servers, 'seed' | 'isTiny' | 'say'>): Promise<Servers> {
  options.say('starting PostgreSQL and RabbitMQ')
  const starting = [startPostgres({ settings: postgresSettings }), startRabbit(options.say)] as const
  const keeper = new Keeper('bench', tmpdir())
  const remove = async () => {
    await keeper.release()
    const started = await Promise.allSettled(starting)
    for (const server of started) if (server.status === 'fulfilled') await server.value.remove()
  }
  try {
    const [postgres, rabbit] = await Promise.all(starting)
    return {
      ...options,
      postgresUrl: postgres.url,
      rabbitAddress: rabbit.address,
      postgresql: { name: 'postgresql', roots: () => [postgres.pid] },
      rabbitmq: { name: 'rabbitmq', roots: () => [rabbit.pid] },
      keeper,
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}
