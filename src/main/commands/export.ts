import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Config } from '../../config/config.ts'
import { csvFiles, type ExportedFile, textOf } from '../../registry/export-format.ts'
import { manifestOf, onerosterFiles } from '../../registry/oneroster-files.ts'
import { Progress } from '../../registry/progress.ts'
import { exportDecisions } from '../../store/export-decisions.ts'
import { openRegistryReader, type RegistryReader } from '../../store/export-rows.ts'
import { databaseOfTool, openCampusForReading } from '../compose/open-campus.ts'
import { OutputFile } from '../output-file.ts'
import { ServiceProcess } from '../service-process.ts'

export interface RegistryExport {
  readonly format: 'csv' | 'oneroster'
  /** Made if it is not there. */
  readonly folder: string
  readonly withPasswords: boolean
  /** Cells as they are, also those that a spreadsheet would compute. */
  readonly raw: boolean
  readonly overwrite: boolean
}

export interface DecisionsWish {
  /** A path, gzipped if it ends with .gz; `-` is standard output. */
  readonly target: string
  readonly format: 'csv' | 'ndjson'
  readonly fromMs: number | undefined
  readonly untilMs: number | undefined
  /** Cells as they are, also those that a spreadsheet would compute. */
  readonly raw: boolean
  readonly overwrite: boolean
}

function progress(label: string, total: number, unit: string): Progress {
  return new Progress(process.stderr, { label, total, unit, now: () => performance.now() })
}

/** `enrollment export --to`: the registry and who holds which place, as files that `enrollment load` takes. */
export async function runExport(config: Config, wish: RegistryExport): Promise<void> {
  const host = new ServiceProcess('export', config, 'tool')
  await host.runToEnd(async () => {
    const { database, row } = await openCampusForReading(await databaseOfTool(config, host, 'export'), host)
    await mkdir(wish.folder, { recursive: true })
    const reader = await openRegistryReader(database)
    let outputs: { readonly file: ExportedFile; readonly output: OutputFile }[] = []
    try {
      const files = wish.format === 'csv' ? csvFiles(wish) : await oneRoster(reader, row.id, wish)
      outputs = files.map((file) => ({ file, output: new OutputFile(join(wish.folder, file.name), wish) }))
      for (const { file, output } of outputs) await writeFile(reader, file, output, host.signal)
      for (const { output } of outputs) await output.keep()
    } finally {
      await reader.close()
      await Promise.all(outputs.map(({ output }) => output.discard()))
    }
    if (!wish.withPasswords) {
      process.stderr.write('passwords are left out; --with-passwords exports their hashes\n')
    }
  })
}

/** Without files that would have no row, and with a manifest that says so. */
async function oneRoster(
  reader: RegistryReader,
  campus: string,
  { withPasswords }: RegistryExport,
): Promise<readonly ExportedFile[]> {
  const choices = { withPasswords, campus, term: await reader.term() }
  const files: ExportedFile[] = []
  for (const file of onerosterFiles(choices)) {
    if ((await rowsIn(reader, file)) > 0) files.push(file)
  }
  const names = files.map(({ name }) => name)
  return [manifestOf(names, choices), ...files]
}

async function rowsIn(reader: RegistryReader, { rows = [], parts }: ExportedFile): Promise<number> {
  let total = rows.length
  for (const { table } of parts) total += await reader.count(table)
  return total
}

async function writeFile(
  reader: RegistryReader,
  file: ExportedFile,
  output: OutputFile,
  signal: AbortSignal,
): Promise<void> {
  const bar = progress(file.name, await rowsIn(reader, file), 'rows')
  let done = file.rows?.length ?? 0
  bar.update(done)
  const text = textOf(
    file,
    (table) => reader.rows(table),
    () => bar.update(++done),
  )
  await pipeline(Readable.from(text, { objectMode: false }), output.stream(), { signal })
  bar.finish()
}

/** `enrollment export --decisions`: who did what when, yes or no, and why; oldest first. */
export async function runExportDecisions(config: Config, wish: DecisionsWish): Promise<void> {
  const host = new ServiceProcess('export', config, 'tool')
  await host.runToEnd(async () => {
    const { database } = await openCampusForReading(await databaseOfTool(config, host, 'export'), host)
    const output = wish.target === '-' ? undefined : new OutputFile(wish.target, wish)
    let bar: Progress | undefined
    try {
      await exportDecisions(
        database,
        {
          ...wish,
          signal: host.signal,
          onTotal: (total) => {
            bar = progress('decisions', total, 'rows')
          },
          onRows: (rows) => bar?.update(rows),
        },
        () => {
          if (output === undefined) return [standardOutput()]
          return wish.target.endsWith('.gz') ? [createGzip(), output.stream()] : [output.stream()]
        },
      )
      await output?.keep()
      bar?.finish()
    } finally {
      await output?.discard()
    }
  })
}

/** Standard output, which stays open when the rows end. */
function standardOutput(): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      process.stdout.write(chunk, done)
    },
  })
}
