import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from '../../src/embedded/cluster.ts'
import { Keeper } from './keeper.ts'
import { greets, type TestRabbit } from './rabbit-node.ts'

const run = promisify(execFile)
const image = 'rabbitmq:4'
const startTimeoutMs = 120_000

/** True if there is a Docker client and its engine answers. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await run('docker', ['info'], { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

/** A RabbitMQ in a container of its own, which is removed with its data when this process ends. */
export async function startDockerRabbit(log: (line: string) => void): Promise<TestRabbit> {
  const port = await freePort()
  const name = `enrollment-rabbit-${port}`
  const docker = async (...args: string[]) => (await run('docker', args)).stdout.trim()
  const keeper = new Keeper('rabbit', tmpdir())
  log(`RabbitMQ is not installed: starting ${image} in Docker`)
  keeper.atEnd(name, `docker rm --force --volumes ${name}`)
  // A host name that stays, since the broker keeps its data under it.
  await docker(
    'run',
    '--detach',
    '--name',
    name,
    '--hostname',
    name,
    '--publish',
    `127.0.0.1:${port}:5672`,
    image,
  )
  let pid = 0
  const ready = async () => {
    const deadline = performance.now() + startTimeoutMs
    while (!(await greets(port))) {
      if (performance.now() > deadline)
        throw new Error(`RabbitMQ did not start:\n${await docker('logs', name)}`)
      await delay(200)
    }
    pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', name))
  }
  await ready()
  return {
    address: `amqp://guest:guest@127.0.0.1:${port}`,
    name: `rabbit@${name}`,
    get pid() {
      return pid
    },
    start: async () => {
      await docker('start', name)
      await ready()
    },
    stop: async () => void (await docker('stop', name)),
    kill: async () => void (await docker('kill', name)),
    control: (...args) => docker('exec', name, 'rabbitmqctl', '-q', ...args),
    remove: () => keeper.release(),
  }
}
