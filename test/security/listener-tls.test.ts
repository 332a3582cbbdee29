import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type PeerCertificate } from 'node:tls'
import { eventually } from '../../kit/eventually.ts'
import { freePort } from '../../src/embedded/cluster.ts'
import { enrollment, processKeeper, Program } from '../../kit/command-line.ts'
import { HttpClient } from '../../kit/rest-client.ts'
import { createProcessCampus, type ProcessCampus } from '../processes/process-fixture.ts'
import { canMakeCertificates, type Certificates, makeCertificates } from './certificates.ts'

const canRun = await canMakeCertificates()

describe('a server that serves clients over TLS', {
  skip: !canRun && 'NOT RUN: there is no openssl to make certificates with',
}, () => {
  let campus: ProcessCampus
  let server: Program
  let port: number
  let first: Certificates
  let second: Certificates
  let environment: Record<string, string>

  before(async () => {
    campus = await createProcessCampus()
    const folder = join(processKeeper().directory, 'listener-tls')
    first = await makeCertificates(folder, undefined)
    second = await makeCertificates(join(folder, 'second'), undefined)
    port = await freePort()
    const { RABBITMQ_ADDRESS: _broker, ...direct } = campus.environment as Record<string, string>
    environment = {
      ...direct,
      LISTEN_ADDRESS: `127.0.0.1:${port}`,
      ENROLLMENT_METRICS_ADDRESS: 'off',
      ENROLLMENT_LISTEN_CERT: first.certificate,
      ENROLLMENT_LISTEN_KEY: first.key,
    }
    server = new Program(['server'], environment)
    await server.untilSays(/engine leading/)
  })
  after(async () => {
    await server.kill()
    await campus.remove()
  })

  const get = (path: string, ca: string) =>
    new Promise<number>((resolve, reject) => {
      const trusted = { ca: readFileSync(ca), servername: 'localhost' }
      const outgoing = request({ host: '127.0.0.1', port, path, agent: false, ...trusted }, (incoming) => {
        incoming.resume()
        resolve(incoming.statusCode ?? 0)
      })
      outgoing.once('error', reject)
      outgoing.end()
    })

  const shown = () =>
    new Promise<PeerCertificate>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate())
        socket.destroy()
      })
      socket.once('error', reject)
    })

  test('a client that knows the authority is answered', async () => {
    assert.equal(await get('/readyz', first.authority), 200)
    assert.match(server.said, new RegExp(`on https://127\\.0\\.0\\.1:${port}`))
  })

  test('a client that trusts another authority does not talk to it', async () => {
    await assert.rejects(get('/readyz', second.authority), /self-signed certificate|unable to verify/)
  })

  test('nothing is told to a client without TLS', async () => {
    const client = new HttpClient(`http://127.0.0.1:${port}`)
    await assert.rejects(client.send('GET /readyz'))
    client.close()
  })

  test('SIGHUP shows a renewed certificate to those who connect from then on', async () => {
    copyFileSync(second.certificate, first.certificate)
    copyFileSync(second.key, first.key)
    const old = await shown()
    server.signal('SIGHUP')
    await server.untilSays(/SIGHUP: the certificate is read anew/)
    await eventually(async () => (await shown()).fingerprint256 !== old.fingerprint256)
    assert.equal(await get('/readyz', second.authority), 200)
  })

  test('a renewal that cannot be read is told in the log, and the server goes on with what it has', async () => {
    copyFileSync(second.authority, first.certificate)
    server.signal('SIGHUP')
    await server.untilSays(/SIGHUP: the certificate stays as it was/)
    assert.equal(await get('/readyz', second.authority), 200)
  })

  test('a certificate that is not there, or is not that of the key, stops the start with one line', async () => {
    for (const [changed, complaint] of [
      [
        { ENROLLMENT_LISTEN_CERT: '/nowhere/cert.pem' },
        /^enrollment: \/nowhere\/cert\.pem is not there[^\n]*\n$/,
      ],
      [
        { ENROLLMENT_LISTEN_CERT: second.authority },
        /^enrollment: [^\n]* are no certificate and its key [^\n]*\n$/,
      ],
    ] as const) {
      const { code, stderr } = await enrollment(['server'], {
        ...environment,
        ...changed,
        LISTEN_ADDRESS: `127.0.0.1:${await freePort()}`,
      })
      assert.equal(code, 1)
      assert.match(stderr, complaint)
    }
  })
})
