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
  const { stream: socket } = client.connection
  const waitingBefore = socket.listeners('drain')
  const stream = client.query(from(copy))
  const finished = once(stream, 'finish')
  for (const chunk of rows.chunks) stream.write(chunk)
  stream.end()
  try {
    await finished
  } catch (error) {
    // The library would go on sending once the socket takes more, of a connection that it has forgotten by then.
    for (const listener of socket.listeners('drain')) {
      if (!waitingBefore.includes(listener)) socket.off('drain', listener as () => void)
    }
    throw error
  }
}

/** Sends a source of any length by one COPY … FROM STDIN, no faster than the server takes it. */
export async function copyStreamIn(
  client: Client,
  copy: string,
  chunks: AsyncIterable<Buffer>,
): Promise<void> {
  await pipeline(Readable.from(chunks), client.query(from(copy)))
}

const tab = 9
const newline = 10
const minus = 45
const zero = 48
const nine = 57

/** One row of integers; `undefined` for NULL. */
export type IntegerRow = readonly (number | undefined)[]

/**
 * Reads a query whose columns are all integers by COPY … TO STDOUT, and calls `onRow` with each row. Parses
 * the bytes as they come: no strings, and one array, used again for every row.
 */
export async function copyIntegersOut(
  client: Client,
  select: string,
  onRow: (row: IntegerRow) => void,
): Promise<void> {
  const parse = integerParser(onRow)
  for await (const chunk of client.query(to(`COPY (${select}) TO STDOUT`))) parse(chunk as Buffer)
}

/** Reads any query by COPY … TO STDOUT, and calls `onRow` with the texts of each row; a NULL is the text `\\N`. */
export async function copyTextOut(
  client: Client,
  select: string,
  onRow: (fields: readonly string[]) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of client.query(to(`COPY (${select}) TO STDOUT`))) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const fields = line.split('\t')
      onRow(line.includes('\\') ? fields.map(unescaped) : fields)
    }
  }
}

function unescaped(field: string): string {
  return field.replaceAll(/\\([\\nrtbfv])/g, (_, char: string) => unescapes[char] ?? char)
}

const unescapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v' }

/** The same row by row; to be read to its end. */
export async function* integerRowsOut(client: Client, select: string): AsyncGenerator<IntegerRow> {
  let rows: IntegerRow[] = []
  const parse = integerParser((row) => rows.push([...row]))
  for await (const chunk of client.query(to(`COPY (${select}) TO STDOUT`))) {
    parse(chunk as Buffer)
    yield* rows
    rows = []
  }
}

/** @returns a function that takes chunks of COPY's text format, cut anywhere */
function integerParser(onRow: (row: IntegerRow) => void): (chunk: Buffer) => void {
  // An array that has held something else than numbers keeps small integers small, also beside big ones.
  const row: (number | undefined)[] = [undefined]
  let column = 0
  let value = 0
  let negative = false
  let isNull = false
  return (chunk) => {
    for (const byte of chunk) {
      if (byte >= zero && byte <= nine) {
        value = value * 10 + (byte - zero)
      } else if (byte === tab || byte === newline) {
        row[column++] = isNull ? undefined : negative ? -value : value
        value = 0
        negative = false
        isNull = false
        if (byte === newline) {
          column = 0
          onRow(row)
        }
      } else if (byte === minus) {
        negative = true
      } else {
        // The backslash and the N of a NULL.
        isNull = true
      }
    }
  }
}
