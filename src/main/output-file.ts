import { createWriteStream, existsSync, type WriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CommandFailed } from './service-process.ts'

/**
 * A file that is there whole or not at all: written beside its place under another name, readable by its owner
 * only, and moved there once it is on disk.
 */
export class OutputFile {
  readonly path: string
  readonly #part: string

  /** @throws CommandFailed if the file is there and may not be replaced */
  constructor(path: string, options: { readonly overwrite: boolean }) {
    if (!options.overwrite && existsSync(path)) {
      throw new CommandFailed(`${path} is there already; --overwrite replaces it`)
    }
    this.path = path
    this.#part = `${path}.part`
  }

  /** To be piped into once. */
  stream(): WriteStream {
    return createWriteStream(this.#part, { mode: 0o600 })
  }

  /**
   * Moves the written file to its place.
   * @param start what its first bytes become
   */
  async keep(start = ''): Promise<void> {
    const file = await open(this.#part, 'r+')
    try {
      await file.write(start, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(this.#part, this.path)
    const folder = await open(dirname(this.path), 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  async discard(): Promise<void> {
    await rm(this.#part, { force: true })
  }
}
