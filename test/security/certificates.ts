import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Account } from '../../src/embedded/account.ts'

const run = promisify(execFile)

/** Paths of a certification authority and of a server's key and certificate, signed by it for `localhost`. */
export interface Certificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** False where there is no `openssl`, which makes certificates; Node does not. */
export async function canMakeCertificates(): Promise<boolean> {
  return await run('openssl', ['version']).then(
    () => true,
    () => false,
  )
}

/** @param account whom the key is to belong to; undefined: to ourselves */
export async function makeCertificates(folder: string, account: Account | undefined): Promise<Certificates> {
  mkdirSync(folder, { mode: 0o755 })
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', '/CN=Test authority', '-addext', 'basicConstraints=critical,CA:TRUE']
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', ...subject)
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  writeFileSync(at('server.ext'), 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n')
  const signing = [
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'server.ext',
  ]
  await openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signing)
  // PostgreSQL refuses a key that others may read.
  chmodSync(at('server.key'), 0o600)
  if (account !== undefined) chownSync(at('server.key'), account.uid, account.gid)
  return { authority: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') }
}
