import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readFileAs, serverAccount } from './account.ts'
import { clusterOwner, embeddedDatabase } from './cluster.ts'

/** Whether a data directory holds a database that `startEmbeddedPostgres` made. */
export function holdsCluster(dataDirectory: string): boolean {
  return existsSync(join(dataDirectory, 'postgresql', 'cluster'))
}

/**
 * Where the PostgreSQL of a data directory listens that another process has started.
 * @throws if this account may not read its password
 */
export function urlOfRunning(dataDirectory: string): string {
  const home = join(dataDirectory, 'postgresql')
  const account = serverAccount(home)
  const read = (file: string): string => readFileAs(account, join(home, file)).trim()
  return `postgres://${clusterOwner}:${read('password')}@127.0.0.1:${read('port')}/${embeddedDatabase}`
}
