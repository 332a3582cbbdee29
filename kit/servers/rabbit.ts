import { dockerAnswers, startDockerRabbit } from './docker-rabbit.ts'
import { startNode, type TestRabbit } from './rabbit-node.ts'
import { installedRabbit, unpackedRabbit } from './rabbit-programs.ts'

/** There is no RabbitMQ to be had on this machine; the message says what was tried. */
export class NoRabbit extends Error {
  override readonly name = 'NoRabbit'
}

/**
 * Finds out how RabbitMQ can be had here: an installed one, else from Debian's packages unpacked into a cache, else in
 * Docker.
 * @returns starts a node, with ports and data of its own
 * @throws NoRabbit
 */
export async function findRabbit(log: (line: string) => void): Promise<() => Promise<TestRabbit>> {
  const programs = installedRabbit() ?? (await unpackedRabbit(log).catch(complain(log)))
  if (programs) return () => startNode(programs)
  if (await dockerAnswers()) return () => startDockerRabbit(log)
  throw new NoRabbit(
    'rabbitmq-server is not installed, its Debian package cannot be had here, and no Docker engine answers',
  )
}

/**
 * Starts a RabbitMQ node of a test's own.
 * @throws NoRabbit
 */
export async function startRabbit(log: (line: string) => void = () => {}): Promise<TestRabbit> {
  const start = await findRabbit(log)
  return start()
}

function complain(log: (line: string) => void): (error: unknown) => undefined {
  return (error) => {
    log(`RabbitMQ's packages could not be unpacked: ${String(error)}`)
    return undefined
  }
}
