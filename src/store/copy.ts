import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from, to } from 'pg-copy-streams'
import type { Client } from './database.ts'

/** One socket write each: many small ones would cost more than what they carry. */
const chunkBytes = 65_536

export type CopyField = string | number | undefined

/** Collects rows in COPY's text format, in buffers of about 64 KiB. */
export class CopyRows {
  readonly chunks: Buffer[] = []
  #text = ''
  #rows = 0

  get rows(): number {
    return this.#rows
  }

  add(fields: readonly CopyField[]): void {
    let row = ''
    for (const field of fields) {
      if (row !== '') row += '\t'
      row += copyText(field)
    }
    this.#text += `${row}\n`
    this.#rows++
    if (this.#text.length >= chunkBytes) this.flush()
  }

  flush(): void {
    if (this.#text === '') return
    this.chunks.push(Buffer.from(this.#text))
    this.#text = ''
  }

  /** The buffers that are full, out of this collection; for sources that do not fit in memory. */
  takeFull(): Buffer[] {
    return this.chunks.splice(0)
  }
}

function copyText(field: CopyField): string {
  if (field === undefined) return '\\N'
  if (typeof field === 'number') return String(field)
  return needsEscape.test(field) ? field.replaceAll(escaped, (char) => escapes[char] ?? char) : field
}

const needsEscape = /[\\\n\r\t]/
const escaped = /[\\\n\r\t]/g
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** An array of integers as PostgreSQL reads it. */
export function arrayText(numbers: Iterable<number>): string {
  return `{${[...numbers].join(',')}}`
}

/** Sends the collected rows by one COPY … FROM STDIN; they are visible to the next statement. */
export async function copyIn(client: Client, copy: string, rows: CopyRows): Promise<void> {
  rows.flush()
  const stream = client.query(from(copy))
  const finished = once(stream, 'finish')
  for (const chunk of rows.chunks) stream.write(chunk)
  stream.end()
  await finished
}

/** Sends a source of any length by one COPY … FROM STDIN, no faster than the server takes it. */
export async function copyStreamIn(
  client: Client,
  copy: string,
  chunks: AsyncIterable<Buffer>,
): Promise<void> {
  await pipeline(Readable.from(chunks), client.query(from(copy)))
}

/** What COPY prints for NULL: backslash, N. No integer is that. */
const missing = Number.NaN
const tab = 9
const newline = 10
const minus = 45
const zero = 48
const nine = 57

/**
 * Runs COPY (…) TO STDOUT for a query whose columns are all integers (or NULL, given as NaN), and calls
 * `onRow` with each row. Parses the bytes as they come: no strings, one array, used again for every row.
 */
export async function copyIntegersOut(
  client: Client,
  copy: string,
  columns: number,
  onRow: (row: Float64Array) => void,
): Promise<void> {
  const parse = integerParser(columns, onRow)
  for await (const chunk of client.query(to(copy))) parse(chunk as Buffer)
}

/** @returns a function that takes chunks of COPY's text format, cut anywhere */
function integerParser(columns: number, onRow: (row: Float64Array) => void): (chunk: Buffer) => void {
  const row = new Float64Array(columns)
  let column = 0
  let value = 0
  let negative = false
  let isNull = false
  return (chunk) => {
    for (const byte of chunk) {
      if (byte >= zero && byte <= nine) {
        value = value * 10 + (byte - zero)
      } else if (byte === tab || byte === newline) {
        row[column] = isNull ? missing : negative ? -value : value
        column++
        value = 0
        negative = false
        isNull = false
        if (byte === newline) {
          if (column !== columns) throw new Error(`a row of ${column} columns where ${columns} were expected`)
          column = 0
          onRow(row)
        }
      } else if (byte === minus) {
        negative = true
      } else {
        isNull = true
      }
    }
  }
}
