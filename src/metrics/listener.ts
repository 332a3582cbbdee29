import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Exposition } from './exposition.ts'

/** The address for metrics cannot be listened on; the message is one line for people. */
export class MetricsAddressUnusable extends Error {
  override readonly name = 'MetricsAddressUnusable'
}

export interface MetricsListener {
  /** For people: where Prometheus finds the metrics. */
  readonly url: string
  close(): Promise<void>
}

/** A scrape is one small request: whoever is slower, or sends more, is not Prometheus. */
const limits = { requestTimeout: 5_000, headersTimeout: 5_000, maxHeaderSize: 8_192 } as const
const connectionsMax = 32

/**
 * Serves `GET /metrics` and `GET /healthz` on a listener of their own, so that they need not be where clients
 * reach, and answer while clients keep the other one busy.
 * @throws MetricsAddressUnusable if somebody else listens there, or it cannot be bound
 */
export async function openMetricsListener(
  exposition: Exposition,
  address: { readonly host: string; readonly port: number },
): Promise<MetricsListener> {
  const server = createServer(limits, (request, response) => void answer(exposition, request, response))
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(unusable(address, error)))
    server.listen({ port: address.port, ...(address.host !== '' && { host: address.host }) }, resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = address.host === '' ? '0.0.0.0' : address.host
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(
  exposition: Exposition,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const plain = { 'content-type': 'text/plain; charset=utf-8' }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...plain, allow: 'GET, HEAD' }).end('only GET\n')
    return
  }
  const [path = ''] = url.split('?', 1)
  switch (path) {
    case '/metrics':
      try {
        const text = await exposition.text()
        response.writeHead(200, { 'content-type': exposition.contentType }).end(text)
      } catch {
        response.writeHead(500, plain).end('the metrics could not be read\n')
      }
      return
    case '/healthz':
      response.writeHead(200, plain).end('live\n')
      return
    default:
      response.writeHead(404, plain).end('there are /metrics and /healthz\n')
  }
}

function unusable({ host, port }: { host: string; port: number }, cause: Error): MetricsAddressUnusable {
  const { code } = cause as NodeJS.ErrnoException
  const why = code === 'EADDRINUSE' ? 'another process serves there' : cause.message
  return new MetricsAddressUnusable(
    `metrics cannot be served on ${host}:${port}: ${why}; set ENROLLMENT_METRICS_ADDRESS to another address, or off`,
    { cause },
  )
}
