import { Findings, RegistryFileError } from './file-findings.ts'
import { type HashPassword, hashAll } from './hash-passwords.ts'
import { nobodysPassword, type RowSource } from './rows.ts'
import { type ReadFile, readTable } from './table-reader.ts'
import type { PasswordCells, TableFile } from './tables.ts'

/** A row as the database names it: by its number in the file, or by values of its columns. */
export interface RowWanted {
  /** From 1, the first row behind the header. */
  readonly row?: number | undefined
  readonly key?: Readonly<Record<string, string>> | undefined
}

/** A checked file's rows for comparing them with what is there. */
export interface LinedTable<Row> {
  readonly file: string
  /** The cells that the file says; the others stay as they are. */
  readonly said: ReadonlySet<string>
  /** Cells that a new row needs and the file does not say. */
  readonly neededByNew: readonly string[]
  /** @throws RegistryFileError, while iterating, if the file is no longer the one that was checked */
  rows(): AsyncIterable<LinedRow<Row>>
}

export interface LinedRow<Row> {
  readonly line: number
  readonly row: Row
  /** The password that the row brings in plain, for an account that may have one; else empty. */
  readonly plain: string
  /** Whether anybody may log in to its account. */
  readonly mayLogIn: boolean
}

/**
 * A file that was checked from end to end. Its rows are read again when they are asked for, so that a
 * million of them need no memory; the file must be the same still, which its digest tells.
 */
export class CheckedTable<Cells extends object, Row> implements RowSource<Row> {
  readonly count: number
  /** Rows that bring a plain password; `hashPasswords` must run before `rows` is read. */
  readonly plainPasswords: number
  readonly #file: string
  readonly #table: TableFile<Cells, Row>
  readonly #digest: string
  readonly #said: ReadonlySet<string>
  /** By line. */
  readonly #hashes = new Map<number, string>()

  constructor(
    source: { file: string; table: TableFile<Cells, Row> },
    seen: { count: number; plainPasswords: number } & ReadFile,
  ) {
    this.#file = source.file
    this.#table = source.table
    this.count = seen.count
    this.plainPasswords = seen.plainPasswords
    this.#digest = seen.digest
    this.#said = seen.said
  }

  /** The rows with their lines. Passwords that were not hashed are nobody's in them. */
  get lined(): LinedTable<Row> {
    const { unsaid = {} } = this.#table
    return {
      file: this.#file,
      said: this.#said,
      neededByNew: Object.keys(unsaid).filter((name) => !this.#said.has(name)),
      rows: () =>
        this.#read((line, cells) => {
          const mayLogIn = this.#table.mayLogIn?.(cells) ?? true
          const plain = mayLogIn ? plainPasswordOf(cells) : ''
          const password = hasPassword(cells)
            ? cells.password || (this.#hashes.get(line) ?? nobodysPassword)
            : ''
          return { line, plain, mayLogIn, row: this.#table.toRow(cells, password) }
        }),
    }
  }

  /** @throws RegistryFileError, while iterating, if the file is no longer the one that was checked */
  get rows(): AsyncIterable<Row> {
    return this.#read((line, cells) => this.#table.toRow(cells, this.#passwordOf(line, cells)))
  }

  /** @throws RegistryFileError if the file is no longer the one that was checked */
  async hashPasswords(
    hash: HashPassword,
    onHashed: () => void,
    isWanted: (id: number) => boolean = () => true,
  ): Promise<void> {
    const flush = async (batch: readonly (readonly [line: number, plain: string])[]) => {
      const plain = batch.map(([, password]) => password)
      const hashes = await hashAll(plain, hash, onHashed)
      batch.forEach(([line], index) => this.#hashes.set(line, hashes[index] ?? ''))
    }
    let batch: (readonly [number, string])[] = []
    for await (const [line, cells] of this.#read((at, row) => [at, row] as const)) {
      const plain = plainPasswordOf(cells)
      if (plain === '' || !isWanted(Number(Reflect.get(cells, 'id')))) continue
      batch.push([line, plain])
      if (batch.length < 1000) continue
      await flush(batch)
      batch = []
    }
    await flush(batch)
  }

  /** @throws RegistryFileError if the file is no longer the one that was checked */
  async lineOf({ row, key }: RowWanted): Promise<number | undefined> {
    if (row === undefined && key === undefined) return undefined
    let number = 0
    for await (const [line, cells] of this.#read((at, read) => [at, read] as const)) {
      number++
      const values: object = cells
      const isIt =
        row === undefined
          ? Object.entries(key ?? {}).every(
              ([column, value]) => String(Reflect.get(values, column)) === value,
            )
          : row === number
      if (isIt) return line
    }
    return undefined
  }

  async *#read<T>(make: (line: number, cells: Cells) => T): AsyncGenerator<T, void, void> {
    const changed = () =>
      new RegistryFileError([{ file: this.#file, reason: 'has changed since it was checked' }])
    const findings = new Findings(1)
    const pieces = readTable(this.#file, this.#table, findings, () => undefined)
    for (;;) {
      const piece = await pieces.next()
      if (findings.count > 0) throw changed()
      if (piece.done) {
        if (piece.value?.digest !== this.#digest) throw changed()
        return
      }
      for (const { line, cells } of piece.value) yield make(line, cells)
    }
  }

  #passwordOf(line: number, cells: Cells): string {
    if (!hasPassword(cells)) return ''
    if (cells.password !== '') return cells.password
    if (cells.password_plain === '') return nobodysPassword
    const password = this.#hashes.get(line)
    if (password === undefined) throw new Error('rows were read before their passwords were hashed')
    return password
  }
}

/** The password that a row brings in plain; empty if it brings none. */
export function plainPasswordOf(cells: object): string {
  return hasPassword(cells) ? cells.password_plain : ''
}

function hasPassword(cells: object): cells is PasswordCells {
  return 'password_plain' in cells
}
