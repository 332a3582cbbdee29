import { lstat, stat, unlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import type { FastifyInstance } from 'fastify'

export type ListenAddress =
  | { readonly protocol: 'tcp'; readonly host: string; readonly port: number }
  | { readonly protocol: 'unix'; readonly path: string }

/** The address cannot be listened on; the message is one line for people. */
export class AddressUnusable extends Error {
  override readonly name = 'AddressUnusable'
}

const probeTimeoutMs = 1_000
/**
 * Connections that may wait to be accepted: the kernel lowers it to its own limit (net.core.somaxconn). With Node's 511, the
 * thousands that connect at an opening are turned away by the kernel, and each tries again a second later.
 */
const backlog = 65_535
const sweepIntervalMs = 20

/**
 * Listens on an address. A socket file that a killed process left behind is removed; one that somebody answers on,
 * and a file that is no socket, are left alone.
 * @returns the address for people: a URL, or the socket's path
 * @throws AddressUnusable if somebody else listens there, or it cannot be bound
 */
export async function openGateway(app: FastifyInstance, address: ListenAddress): Promise<string> {
  try {
    if (address.protocol === 'tcp')
      return await app.listen({ host: address.host, port: address.port, backlog })
    await removeStaleSocket(address.path)
    await app.listen({ path: address.path, backlog })
    return address.path
  } catch (error) {
    if (error instanceof AddressUnusable) throw error
    throw new AddressUnusable(explain(address, error), { cause: error })
  }
}

/**
 * Finds out early whether `openGateway` can listen there; nobody listens there afterwards.
 * @throws AddressUnusable if somebody else listens there, or it cannot be bound
 */
export async function requireFree(address: ListenAddress): Promise<void> {
  if (address.protocol === 'unix') return await removeStaleSocket(address.path)
  const probe = createServer()
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error) => reject(new AddressUnusable(explain(address, error), { cause: error })))
    probe.listen({ host: address.host, port: address.port }, () => probe.close(() => resolve()))
  })
}

/**
 * Stops accepting, lets requests that are being answered finish, and closes.
 * @param boundMs after this, connections that are still open are cut
 */
export async function closeGateway(app: FastifyInstance, boundMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), boundMs)
  // Clients keep their connections after the last answer: Node closes those that are idle by now, and no others.
  const sweep = setInterval(() => app.server.closeIdleConnections(), sweepIntervalMs)
  try {
    await app.close()
  } finally {
    clearTimeout(cut)
    clearInterval(sweep)
  }
}

/**
 * Removes a socket file that a killed process left behind.
 * @throws AddressUnusable if somebody answers on it, it is no socket, or its folder is not there
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const folder = await stat(dirname(path)).catch(() => undefined)
  // Binding would call this a lack of permission.
  if (folder?.isDirectory() !== true)
    throw new AddressUnusable(`there is no folder for ${path}: make it first`)
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new AddressUnusable(`${path} is there already and is no socket: set LISTEN_ADDRESS to another path`)
  }
  if (await isAnswered(path)) throw new AddressUnusable(servedAlready(path))
  await unlink(path)
}

/** Only a refused connection proves that nobody listens. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    const conclude = (answered: boolean) => {
      probe.destroy()
      resolve(answered)
    }
    probe.setTimeout(probeTimeoutMs, () => conclude(true))
    probe.once('connect', () => conclude(true))
    probe.once('error', (error: NodeJS.ErrnoException) => conclude(error.code !== 'ECONNREFUSED'))
  })
}

function servedAlready(where: string): string {
  return `another process serves on ${where}: stop it, or set LISTEN_ADDRESS to another address`
}

function explain(address: ListenAddress, error: unknown): string {
  const where = address.protocol === 'unix' ? address.path : `${address.host}:${address.port}`
  const code = (error as NodeJS.ErrnoException).code ?? ''
  switch (code) {
    case 'EADDRINUSE':
      return servedAlready(where)
    case 'EACCES':
      return `no permission to listen on ${where}: set LISTEN_ADDRESS to a port from 1024 on, or to a path that is yours`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine has no address ${where}: set LISTEN_ADDRESS to one of its own, or to :${'port' in address ? address.port : ''} for all`
    default:
      return `cannot listen on ${where}: ${error instanceof Error ? error.message : code}`
  }
}
