import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable, pipeline as streamThrough, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import type { Config } from '../../config/config.ts'
import { startEmbeddedPostgres } from '../../embedded/embedded-postgres.ts'
import { Progress } from '../../registry/progress.ts'
import {
  type BackupContents,
  type BackupEnd,
  type BackupReader,
  openBackupReader,
} from '../../store/backup-contents.ts'
import { type BackupRows, requireEmpty, restoreTables } from '../../store/restore.ts'
import { databaseOfTool, openCampusForReading, openWhenUp } from '../compose/open-campus.ts'
import { OutputFile } from '../output-file.ts'
import { CommandFailed, ServiceProcess } from '../service-process.ts'

/*
 * A backup is two lines and a gzip stream. The first line is `enrollment-backup 1 ` and the SHA-256 of all that follows it; the
 * second is JSON for people and for `restore`: what is in it. The stream is blocks, each behind its length (four bytes, big-endian):
 * for each table its name, its rows in PostgreSQL's text format in any number of blocks, and an empty block; at last the
 * sequences, as JSON.
 */
const mark = 'enrollment-backup 1 '
const firstLineBytes = mark.length + 64 + 1
/** The second line names every table and column: some 10 KiB. */
const newline = 10
const secondLineBytesMax = 1024 * 1024

/** The second line. */
interface Header extends BackupContents {
  /** Of the program that wrote it. */
  readonly version: string
}

/** `enrollment backup`: the whole campus, as it is at one moment, in one file. */
export async function runBackup(
  config: Config,
  path: string,
  options: { readonly overwrite: boolean; readonly version: string },
): Promise<void> {
  const host = new ServiceProcess('backup', config, 'tool')
  await host.runToEnd(async () => {
    const { database } = await openCampusForReading(await databaseOfTool(config, host, 'backup'), host)
    const output = new OutputFile(path, options)
    const reader = await openBackupReader(database)
    const { contents } = reader
    try {
      const header: Header = { version: options.version, ...contents }
      const hash = createHash('sha256')
      const second = Buffer.from(`${JSON.stringify(header)}\n`)
      const stream = output.stream()
      stream.write(`${mark}${'0'.repeat(64)}\n`)
      stream.write(second)
      hash.update(second)
      await pipeline(Readable.from(blocksOf(reader)), createGzip(), hashing(hash), stream, {
        signal: host.signal,
      })
      await output.keep(`${mark}${hash.digest('hex')}\n`)
    } finally {
      await reader.close()
      await output.discard()
    }
    process.stdout.write(`${path}: ${describe(contents)}\n`)
  })
}

async function* blocksOf(reader: BackupReader): AsyncGenerator<Buffer> {
  const progress = new RowProgress('Backing up', reader.contents)
  for (const table of reader.contents.tables) {
    yield block(Buffer.from(table.name))
    for await (const rows of reader.rowsOf(table)) {
      if (rows.length > 0) yield block(rows)
      progress.count(rows)
    }
    yield block(Buffer.alloc(0))
  }
  yield block(Buffer.from(JSON.stringify(await reader.end())))
  progress.finish()
}

function block(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
}

function describe({ campus, takenAt, position, tables }: BackupContents): string {
  const rows = new Intl.NumberFormat('en').format(rowsIn(tables))
  return `campus ${campus} as of ${takenAt}, decision ${position.seq} of term ${position.term}; ${rows} rows`
}

function rowsIn(tables: BackupContents['tables']): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0)
}

/** Counts rows in PostgreSQL's text format, one a line. */
class RowProgress {
  readonly #bar: Progress
  #rows = 0

  constructor(label: string, { tables }: BackupContents) {
    const options = { label, total: rowsIn(tables), unit: 'rows', now: () => performance.now() }
    this.#bar = new Progress(process.stderr, options)
  }

  count(text: Buffer): void {
    for (let at = text.indexOf(newline); at >= 0; at = text.indexOf(newline, at + 1)) this.#rows++
    this.#bar.update(this.#rows)
  }

  finish(): void {
    this.#bar.finish()
  }
}

/** `enrollment restore`: a new database of a backup. */
export async function runRestore(config: Config, path: string): Promise<void> {
  const host = new ServiceProcess('restore', config, 'tool')
  await host.runToEnd(async () => {
    const lines = await readLines(path)
    const { sum, header } = lines
    if ((await sumOf(path, host.signal)) !== sum) throw damaged(path)
    const database = await openWhenUp(await newDatabase(config, host), host)
    await requireEmpty(database)
    const progress = new RowProgress('Restoring', header)
    await restoreTables(database, header, new BackupFile(path, lines, progress))
    progress.finish()
    process.stdout.write(`restored: ${describe(header)}
This database is a copy until you say what it is:
  enrollment migrate --moved                                  it takes the place of the original, which is served no more
  ENROLLMENT_CAMPUS=another enrollment migrate --new-campus   both go on
`)
  })
}

/** DATABASE_URL; else that of `enrollment start`, which is made if there is none. */
async function newDatabase({ databaseUrl, dataFolder }: Config, host: ServiceProcess): Promise<string> {
  if (databaseUrl !== undefined) return databaseUrl
  const log = (line: string): void => host.log.info(line)
  const postgres = await startEmbeddedPostgres({ dataDirectory: dataFolder, log })
  host.onStop(() => postgres.stop())
  return postgres.url
}

function damaged(path: string): CommandFailed {
  return new CommandFailed(`${path} is damaged: its checksum does not fit; nothing was written`)
}

interface Lines {
  /** As the first line has it. */
  readonly sum: string
  /** The second one, with its end. */
  readonly line: Buffer
  readonly header: Header
}

/** @throws CommandFailed if the file is no backup, or of a format to come */
async function readLines(path: string): Promise<Lines> {
  const file = await open(path, 'r')
  let bytes: Buffer
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(secondLineBytesMax), 0, secondLineBytesMax, 0)
    bytes = buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
  const first = bytes.toString('latin1', 0, firstLineBytes)
  if (/^enrollment-backup (?!1 )\d/.test(first))
    throw new CommandFailed(`${path} was written by a newer version; run that`)
  const sum = /^enrollment-backup 1 ([0-9a-f]{64})\n$/.exec(first)?.[1]
  const line = bytes.subarray(firstLineBytes, bytes.indexOf(newline, firstLineBytes) + 1)
  if (sum === undefined) throw new CommandFailed(`${path} is no backup of enrollment`)
  try {
    return { sum, line, header: JSON.parse(line.toString()) as Header }
  } catch {
    throw damaged(path)
  }
}

/** The SHA-256 of all behind the first line. */
async function sumOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { start: firstLineBytes, signal })) {
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}

/** The blocks of a backup, as they are read. */
class BackupFile implements BackupRows {
  readonly #path: string
  readonly #lines: Lines
  readonly #progress: RowProgress
  readonly #hash = createHash('sha256')
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(path: string, lines: Lines, progress: RowProgress) {
    this.#path = path
    this.#lines = lines
    this.#progress = progress
    this.#chunks = this.#read()
  }

  async *#read(): AsyncGenerator<Buffer> {
    const { line } = this.#lines
    this.#hash.update(line)
    const file = createReadStream(this.#path, { start: firstLineBytes + line.length })
    // Its failure is that of the last, which is read.
    yield* streamThrough(file, hashing(this.#hash), createGunzip(), () => {})
  }

  async #take(bytes: number): Promise<Buffer> {
    const parts = [this.#rest]
    let length = this.#rest.length
    while (length < bytes) {
      const { value, done } = await this.#chunks.next()
      if (done === true) throw damaged(this.#path)
      parts.push(value)
      length += value.length
    }
    const all = Buffer.concat(parts, length)
    this.#rest = all.subarray(bytes)
    return all.subarray(0, bytes)
  }

  async #block(): Promise<Buffer> {
    return await this.#take((await this.#take(4)).readUInt32BE())
  }

  async *tables(): ReturnType<BackupRows['tables']> {
    for (let left = this.#lines.header.tables.length; left > 0; left--) {
      yield { name: (await this.#block()).toString(), rows: this.#rows() }
    }
  }

  async *#rows(): AsyncGenerator<Buffer> {
    for (;;) {
      const rows = await this.#block()
      if (rows.length === 0) return
      this.#progress.count(rows)
      yield rows
    }
  }

  /** @throws CommandFailed if the file has changed since its sum was taken */
  async end(): Promise<BackupEnd> {
    const end = JSON.parse((await this.#block()).toString()) as BackupEnd
    const { done } = await this.#chunks.next()
    if (done !== true || this.#rest.length > 0 || this.#hash.digest('hex') !== this.#lines.sum)
      throw damaged(this.#path)
    return end
  }
}
