import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { CsvError, parse } from 'csv-parse'
import { EncodingCheck } from './encoding-check.ts'

export interface CsvRecord {
  /** Line on which it begins, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/** The file is no CSV from `line` on. */
export class NotCsv extends Error {
  override readonly name = 'NotCsv'
  readonly line: number

  constructor(line: number, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.line = line
  }
}

/** Longest record, in bytes: what a quotation mark that is never closed swallows before it is noticed. */
const recordBytesMax = 1_000_000

/** What the parser's codes mean to whoever wrote the file. */
const defects: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'has a quotation mark that is never closed',
  CSV_MAX_RECORD_SIZE: 'begins a row that does not end; is a quotation mark never closed?',
  CSV_INVALID_CLOSING_QUOTE:
    'has text behind a closing quotation mark (write "" for one inside a quoted cell)',
  INVALID_OPENING_QUOTE: 'has a quotation mark inside a cell that does not begin with one',
}

/**
 * Reads a CSV file (RFC 4180; UTF-8, with or without a byte order mark; lines end in LF or CRLF) in pieces
 * that fit in memory. Blank lines are skipped. Returns the SHA-256 of the whole file.
 * @param onBytes called with how many bytes were read since it was last told
 * @throws NotCsv once all records before the fault were given
 */
export async function* readCsv(
  path: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<readonly CsvRecord[], string, void> {
  const hash = createHash('sha256')
  const encoding = new EncodingCheck()
  let records: CsvRecord[] = []
  let line = 1
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    max_record_size: recordBytesMax,
    // Called in turn, in order and before any error; null keeps the record out of the stream's own buffer.
    on_record: (cells: string[]) => {
      if (cells.length > 1 || cells[0] !== '') records.push({ line, cells })
      line += 1 + cells.reduce((sum, cell) => sum + newlinesIn(cell), 0)
      return null
    },
  })
  // Failures come back from write() and end().
  parser.on('error', () => undefined)
  parser.resume()
  try {
    for await (const chunk of createReadStream(path)) {
      const bytes: Buffer = chunk
      hash.update(bytes)
      refuse(encoding.check(bytes))
      await settled((done) => parser.write(bytes, done))
      yield records
      records = []
      onBytes(bytes.length)
    }
    refuse(encoding.end())
    await settled((done) => parser.end(done))
  } catch (error) {
    yield records
    if (!(error instanceof CsvError)) throw error
    throw new NotCsv(line, defects[error.code] ?? error.message, { cause: error })
  } finally {
    parser.destroy()
  }
  yield records
  return hash.digest('hex')
}

function refuse(fault: { line: number; reason: string } | undefined): void {
  if (fault !== undefined) throw new NotCsv(fault.line, fault.reason)
}

function settled(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}

function newlinesIn(cell: string): number {
  let count = 0
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++
  return count
}
