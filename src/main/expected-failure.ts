import { AdoptionFailed } from '../audit/adopt.ts'
import { AlreadyRunning } from '../embedded/directory-lock.ts'
import { UnsupportedPlatform } from '../embedded/binaries.ts'
import { StartFailed } from '../embedded/postmaster.ts'
import { AdoptionNeeded, WrongCampus } from '../engine/ports.ts'
import { CertificateUnusable } from '../gateway/certificate.ts'
import { JournalInUse } from '../journal/drained-queue.ts'
import { AddressUnusable } from '../gateway/listen.ts'
import { MetricsAddressUnusable } from '../metrics/listener.ts'
import { RegistryFileError } from '../registry/file-findings.ts'
import { LoadRefused } from '../store/bulk-load.ts'
import { DatabaseRefused } from '../store/database.ts'
import { MigrationRefused } from '../store/migrate.ts'
import { RestoreRefused } from '../store/restore.ts'
import { withRemedy } from './remedies.ts'
import { CommandFailed } from './service-process.ts'

const expected = [
  AdoptionFailed,
  AlreadyRunning,
  UnsupportedPlatform,
  StartFailed,
  AddressUnusable,
  CertificateUnusable,
  MetricsAddressUnusable,
  LoadRefused,
  WrongCampus,
  JournalInUse,
  DatabaseRefused,
  MigrationRefused,
  RestoreRefused,
]

/** A failure that its message explains to whoever typed the command; undefined for one that wants a stack. */
export function expectedFailure(error: unknown): CommandFailed | undefined {
  if (error instanceof CommandFailed) return error
  if (error instanceof AdoptionNeeded) return new CommandFailed(error.message, error.findings, error)
  if (error instanceof RegistryFileError) {
    const lines = error.message.split('\n')
    return new CommandFailed(`${lines.at(-1)}`, lines.slice(0, -1), error)
  }
  if (error instanceof Error && expected.some((kind) => error instanceof kind)) {
    return new CommandFailed(error.message, [], error)
  }
  // PostgreSQL's and the system's own words: a wrong password, no such database, no such host.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return new CommandFailed(withRemedy(error), [], error)
  }
  return undefined
}
